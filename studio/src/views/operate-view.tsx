// For whoever runs the server: its door, and the desk behind it.
import { useSignal } from '@preact/signals'
import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import * as operator from '../operator-api.ts'
import { Field, Problem } from '../parts/field.tsx'
import { wordsOf } from '../words-of.ts'
import { Desk } from './operate/desk.tsx'

export function OperateView(): JSX.Element {
  return operator.token.value === undefined ? <TokenForm /> : <Desk />
}

function TokenForm(): JSX.Element {
  const candidate = useSignal('')
  const [problem, setProblem] = useState<string>()
  const submit = async (event: Event) => {
    event.preventDefault()
    await operator.enter(candidate.value.trim()).catch((error: unknown) => setProblem(wordsOf(error)))
  }
  return (
    <form class="card sign-in" onSubmit={submit}>
      <h1>Operate this server</h1>
      <p class="hint">
        With its <code>ADMIN_TOKEN</code>. It stays in this tab and is gone when you close it.
      </p>
      <Field label="Operator's token" type="password" autoComplete="off" required of={candidate} />
      <Problem text={problem} />
      <button type="submit" class="primary">
        Continue
      </button>
    </form>
  )
}
