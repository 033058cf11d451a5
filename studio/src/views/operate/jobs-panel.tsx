// Requests of all accounts: what became of them, to be cancelled or tried again.
import type { Signal } from '@preact/signals'
import type { JSX } from 'preact'
import type { JobAnswer } from '../../../../src/contract/admin.ts'
import { dollars } from '../../figures.ts'
import * as operator from '../../operator-api.ts'
import { Choice } from '../../parts/field.tsx'
import type { TableRow } from '../../parts/table.tsx'
import { When } from '../../parts/when.tsx'
import { Panel } from './panel.tsx'
import type { Act, Seen } from './seen.ts'

const STATES = new Map([
  ['', 'all'],
  ...['queued', 'running', 'completed', 'failed', 'cancelled', 'dead'].map((name) => [name, name] as const),
])
const COLUMNS = [
  { title: 'Request' },
  { title: 'State' },
  { title: 'Account' },
  { title: 'Characters', isNumber: true },
  { title: 'Cost', isNumber: true },
  { title: 'When' },
  { title: '' },
] as const

interface JobsProps extends Seen {
  readonly act: Act
  /** Only those in this state; '': all. */
  readonly state: Signal<string>
}

export function JobsPanel({ accounts, jobs, act, state }: JobsProps): JSX.Element {
  const rows = jobs.map(
    (job): TableRow => ({
      id: job.id,
      cells: [
        <code title={job.id}>{job.id.slice(0, 8)}</code>,
        <>
          <span class={`chip ${job.state === 'failed' ? 'bad' : ''}`}>{job.dead ? 'dead' : job.state}</span>
          {job.error !== null && <small class="reason">{job.error}</small>}
        </>,
        accounts.find(({ id }) => id === job.account)?.name ?? '–',
        job.characters.toLocaleString('en-US'),
        dollars(job.cost),
        <When at={Date.parse(job.created_at)} />,
        <JobButtons job={job} act={act} />,
      ],
    }),
  )
  return (
    <Panel
      title="Requests"
      columns={COLUMNS}
      rows={rows}
      empty="There is none."
      beside={
        <div class="beside">
          <Choice label="State" of={state} among={STATES} />
        </div>
      }
    />
  )
}

function JobButtons({ job, act }: { readonly job: JobAnswer; readonly act: Act }): JSX.Element | null {
  if (job.state === 'queued' || job.state === 'running')
    return (
      <button type="button" class="quiet" onClick={() => act('It is cancelled.', () => operator.cancelJob(job.id))}>
        Cancel
      </button>
    )
  return job.dead ? (
    <button type="button" class="quiet" onClick={() => act('It is tried again.', () => operator.requeueJob(job.id))}>
      Try again
    </button>
  ) : null
}
