// The door, for whoever is not on the server's own machine.
import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { signIn, start, trouble } from '../session.ts'

export function SignInView(): JSX.Element {
  const [candidate, setCandidate] = useState('')
  const [problem, setProblem] = useState<string>()
  const submit = async (event: Event) => {
    event.preventDefault()
    try {
      await signIn(candidate.trim())
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error))
    }
  }
  return (
    <form class="card sign-in" onSubmit={submit}>
      <h1>Sign in</h1>
      {trouble.value && (
        <p class="problem" role="alert">
          {trouble.value}{' '}
          <button
            type="button"
            class="quiet"
            onClick={() => {
              trouble.value = undefined
              start()
            }}
          >
            Try again
          </button>
        </p>
      )}
      <p class="hint">
        With an API key of this server. Its operator makes one with <code>chatterbox keys create</code>.
      </p>
      <label>
        <span>API key</span>
        <input
          type="password"
          autoComplete="current-password"
          required
          value={candidate}
          onInput={({ currentTarget }) => setCandidate(currentTarget.value)}
        />
      </label>
      {problem && (
        <p class="problem" role="alert">
          {problem}
        </p>
      )}
      <button type="submit" class="primary">
        Sign in
      </button>
    </form>
  )
}
