// Requests of all accounts: what became of them, to be cancelled or tried again.
import type { JSX } from 'preact'
import * as operator from '../../operator-api.ts'
import { When } from '../../parts/when.tsx'
import { dollars } from '../usage-view.tsx'
import { Panel } from './panel.tsx'
import type { Act, Seen } from './seen.ts'

const JOB_STATES = ['', 'queued', 'running', 'completed', 'failed', 'cancelled', 'dead'] as const

interface JobsProps extends Seen {
  readonly act: Act
  readonly state: string
  readonly onState: (state: string) => void
}

export function JobsPanel({ accounts, jobs, act, state, onState }: JobsProps): JSX.Element {
  return (
    <Panel
      title="Requests"
      heads={['Request', 'State', 'Account', 'Characters', 'Cost', 'When', '']}
      beside={
        <label class="inline-label">
          <span>State</span>
          <select value={state} onChange={({ currentTarget }) => onState(currentTarget.value)}>
            {JOB_STATES.map((name) => (
              <option key={name} value={name}>
                {name === '' ? 'all' : name}
              </option>
            ))}
          </select>
        </label>
      }
    >
      {jobs.map((job) => (
        <tr key={job.id}>
          <th scope="row">
            <code>{job.id.slice(0, 8)}</code>
          </th>
          <td>
            <span class={`chip ${job.state === 'failed' ? 'bad' : ''}`} title={job.error ?? undefined}>
              {job.dead ? 'dead' : job.state}
            </span>
          </td>
          <td>{accounts.find(({ id }) => id === job.account)?.name ?? '–'}</td>
          <td class="number">{job.characters.toLocaleString('en-US')}</td>
          <td class="number">{dollars(job.cost)}</td>
          <td>
            <When at={Date.parse(job.created_at)} />
          </td>
          <td class="actions">
            {(job.state === 'queued' || job.state === 'running') && (
              <button
                type="button"
                class="quiet"
                onClick={() => act('It is cancelled.', () => operator.cancelJob(job.id))}
              >
                Cancel
              </button>
            )}
            {job.dead && (
              <button
                type="button"
                class="quiet"
                onClick={() => act('It is tried again.', () => operator.requeueJob(job.id))}
              >
                Try again
              </button>
            )}
          </td>
        </tr>
      ))}
      {jobs.length === 0 && (
        <tr>
          <td colSpan={7} class="hint">
            There is none.
          </td>
        </tr>
      )}
    </Panel>
  )
}
