// The operator's desk: who works, and the panels.
import { useSignal } from '@preact/signals'
import type { JSX } from 'preact'
import { useCallback, useEffect, useState } from 'preact/hooks'
import { Refusal } from '../../api.ts'
import * as operator from '../../operator-api.ts'
import { Problem } from '../../parts/field.tsx'
import { Icon } from '../../parts/icon.tsx'
import { noticeServerGone, refreshCredits } from '../../session.ts'
import { showToast } from '../../toast.ts'
import { wordsOf } from '../../words-of.ts'
import { AccountsPanel } from './accounts-panel.tsx'
import { JobsPanel } from './jobs-panel.tsx'
import { KeysPanel } from './keys-panel.tsx'
import type { Seen } from './seen.ts'

export function Desk(): JSX.Element {
  const [seen, setSeen] = useState<Seen>()
  const [problem, setProblem] = useState<string>()
  const state = useSignal('')
  const wanted = state.value
  const load = useCallback(async () => {
    try {
      const [accounts, keys, { jobs }, { workers }] = await Promise.all([
        operator.listAccounts(),
        operator.listKeys(),
        operator.listJobs(wanted),
        operator.listWorkers(),
      ])
      setSeen({ accounts, keys, jobs, workers })
      setProblem(undefined)
    } catch (error) {
      if (error instanceof Refusal && error.status === 403) operator.token.value = undefined
      if (error instanceof Refusal && error.status === 0) noticeServerGone(load)
      setProblem(wordsOf(error))
    }
  }, [wanted])
  useEffect(() => {
    load()
  }, [load])
  /** Does it, says so, and looks again. */
  const act = async (done: string, change: () => Promise<unknown>) => {
    try {
      await change()
      await refreshCredits()
      showToast(done)
    } catch (error) {
      showToast(wordsOf(error))
    }
    await load()
  }
  if (!seen)
    return (
      <p class="loading" role="status">
        {problem ?? 'Looking…'}
      </p>
    )
  return (
    <div class="usage">
      <div class="row">
        <h1>Operate</h1>
        <span class="actions">
          <button type="button" onClick={load}>
            <Icon name="repeat" /> Refresh
          </button>
          <button
            type="button"
            class="quiet"
            onClick={() => {
              operator.token.value = undefined
            }}
          >
            Leave
          </button>
        </span>
      </div>
      <Problem text={problem} />
      <p class="hint">
        {seen.workers.length === 0
          ? 'No worker is running: requests wait until one does.'
          : seen.workers.map(({ host, model, slots }) => `${host} speaks ${model}, ${slots} at a time`).join('; ')}
      </p>
      <AccountsPanel {...seen} act={act} />
      <KeysPanel {...seen} act={act} />
      <JobsPanel {...seen} act={act} state={state} />
    </div>
  )
}
