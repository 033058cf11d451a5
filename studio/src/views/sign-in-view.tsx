// The door, for whoever is not on the server's own machine.
import { useSignal } from '@preact/signals'
import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { Field, Problem } from '../parts/field.tsx'
import { doorMessage, facts, signIn, start } from '../session.ts'

export function SignInView(): JSX.Element {
  const candidate = useSignal('')
  const [problem, setProblem] = useState<string>()
  const [isAsking, setAsking] = useState(false)
  const submit = async (event: Event) => {
    event.preventDefault()
    setProblem(undefined)
    setAsking(true)
    try {
      await signIn(candidate.value.trim())
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error))
    } finally {
      setAsking(false)
    }
  }
  return (
    <form class="card sign-in" onSubmit={submit}>
      <h1>Sign in</h1>
      <Problem text={doorMessage.value} />
      <p class="hint">
        With an API key of this server. Whoever runs it makes one with <code>chatterbox keys create</code>.
      </p>
      <Field
        label="API key"
        type="password"
        autoComplete="current-password"
        placeholder="cb_…"
        required
        of={candidate}
      />
      <Problem text={problem} />
      <button type="submit" class="primary" disabled={isAsking}>
        Sign in
      </button>
      {facts.value?.sign_in === 'automatic' && (
        <button type="button" class="quiet" onClick={start}>
          This machine is the server's: sign in without one
        </button>
      )}
    </form>
  )
}
