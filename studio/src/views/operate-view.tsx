// For whoever runs the server: accounts and their credits, keys, requests, workers.
import { useSignal } from '@preact/signals'
import type { ComponentChildren, JSX } from 'preact'
import { useCallback, useEffect, useState } from 'preact/hooks'
import type { AccountAnswer, ApiKeyAnswer, JobAnswer, WorkersAnswer } from '../../../src/contract/admin.ts'
import { Refusal } from '../api.ts'
import * as operator from '../operator-api.ts'
import { When } from '../parts/when.tsx'
import { noticeRefusal, noticeServerGone, refreshCredits } from '../session.ts'
import { showToast } from '../toast.ts'
import { dollars } from './usage-view.tsx'

interface Seen {
  readonly accounts: readonly AccountAnswer[]
  readonly keys: readonly ApiKeyAnswer[]
  readonly jobs: readonly JobAnswer[]
  readonly workers: WorkersAnswer['workers']
}
const JOB_STATES = ['', 'queued', 'running', 'completed', 'failed', 'cancelled', 'dead'] as const

export function OperateView(): JSX.Element {
  return operator.token.value === undefined ? <TokenForm /> : <Desk />
}

function TokenForm(): JSX.Element {
  const [candidate, setCandidate] = useState('')
  const [problem, setProblem] = useState<string>()
  const submit = async (event: Event) => {
    event.preventDefault()
    await operator.enter(candidate.trim()).catch((error: unknown) => setProblem(wordsOf(error)))
  }
  return (
    <form class="card sign-in" onSubmit={submit}>
      <h1>Operate this server</h1>
      <p class="hint">
        With its <code>ADMIN_TOKEN</code>. It stays in this tab and is gone when you close it.
      </p>
      <label>
        <span>Operator's token</span>
        <input
          type="password"
          autoComplete="off"
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
        Continue
      </button>
    </form>
  )
}

function Desk(): JSX.Element {
  const [seen, setSeen] = useState<Seen>()
  const [problem, setProblem] = useState<string>()
  const [state, setState] = useState('')
  const load = useCallback(async () => {
    try {
      const [{ accounts }, { keys }, { jobs }, { workers }] = await Promise.all([
        operator.listAccounts(),
        operator.listKeys(),
        operator.listJobs(state),
        operator.listWorkers(),
      ])
      setSeen({ accounts, keys, jobs, workers })
      setProblem(undefined)
    } catch (error) {
      if (error instanceof Refusal && error.status === 403) operator.token.value = undefined
      if (error instanceof Refusal && error.status === 0) noticeServerGone(load)
      setProblem(wordsOf(error))
    }
  }, [state])
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
            Look again
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
      {problem && (
        <p class="problem" role="alert">
          {problem}
        </p>
      )}
      <p class="hint">
        {seen.workers.length === 0
          ? 'No worker is running: requests wait until one does.'
          : seen.workers.map(({ host, model, slots }) => `${host} speaks ${model}, ${slots} at a time`).join('; ')}
      </p>
      <Accounts {...seen} act={act} />
      <Keys {...seen} act={act} />
      <Jobs {...seen} act={act} state={state} onState={setState} />
    </div>
  )
}

type Act = (done: string, change: () => Promise<unknown>) => Promise<void>

function Accounts({ accounts, act }: Seen & { readonly act: Act }): JSX.Element {
  const amount = useSignal('10')
  const name = useSignal('')
  const add = (event: Event) => {
    event.preventDefault()
    act(`Account ${name.value} is made.`, () => operator.createAccount(name.value, Number(amount.value) || 0))
    name.value = ''
  }
  return (
    <Panel
      title="Accounts and credits"
      heads={['Account', 'Credits', 'Held', 'Made', '']}
      foot={
        <form class="inline" onSubmit={add}>
          <label>
            <span>New account</span>
            <input
              required
              maxLength={100}
              value={name.value}
              onInput={({ currentTarget }) => {
                name.value = currentTarget.value
              }}
            />
          </label>
          <label class="short">
            <span>Credits, $</span>
            <input
              type="number"
              min="0"
              step="any"
              value={amount.value}
              onInput={({ currentTarget }) => {
                amount.value = currentTarget.value
              }}
            />
          </label>
          <button type="submit">Make it</button>
        </form>
      }
    >
      {accounts.map(({ id, name: called, credits, held, suspended_at, created_at }) => (
        <tr key={id}>
          <th scope="row">
            {called} {suspended_at && <span class="chip bad">suspended</span>}
          </th>
          <td class="number">{dollars(credits)}</td>
          <td class="number">{dollars(held)}</td>
          <td>
            <When at={Date.parse(created_at)} />
          </td>
          <td class="actions">
            <button
              type="button"
              aria-label={`Grant $${amount.value} to ${called}`}
              onClick={() =>
                act(`$${amount.value} granted to ${called}.`, () => operator.changeCredits(id, Number(amount.value)))
              }
            >
              Grant ${amount.value}
            </button>
            <button
              type="button"
              class="quiet"
              aria-label={`${suspended_at ? 'Resume' : 'Suspend'} ${called}`}
              onClick={() =>
                act(`${called} is ${suspended_at ? 'resumed' : 'suspended'}.`, () =>
                  operator.setSuspended(id, suspended_at === null),
                )
              }
            >
              {suspended_at ? 'Resume' : 'Suspend'}
            </button>
          </td>
        </tr>
      ))}
    </Panel>
  )
}

function Keys({ accounts, keys, act }: Seen & { readonly act: Act }): JSX.Element {
  const name = useSignal('')
  const account = useSignal(accounts[0]?.id ?? '')
  const made = useSignal<string | undefined>(undefined)
  const open = keys.filter(({ revoked_at }) => revoked_at === null)
  const nameOf = (id: string): string => accounts.find((candidate) => candidate.id === id)?.name ?? id.slice(0, 8)
  const add = (event: Event) => {
    event.preventDefault()
    act(`Key ${name.value} is made.`, async () => {
      made.value = (await operator.createKey(account.value, name.value)).key
      name.value = ''
    })
  }
  return (
    <Panel
      title="Keys"
      heads={['Key', 'Begins with', 'Account', 'Last used', '']}
      foot={
        <>
          <form class="inline" onSubmit={add}>
            <label>
              <span>New key for</span>
              <select
                value={account.value}
                onChange={({ currentTarget }) => {
                  account.value = currentTarget.value
                }}
              >
                {accounts.map(({ id, name: called }) => (
                  <option key={id} value={id}>
                    {called}
                  </option>
                ))}
              </select>
            </label>
            <label>
              <span>What it is for</span>
              <input
                required
                maxLength={100}
                value={name.value}
                onInput={({ currentTarget }) => {
                  name.value = currentTarget.value
                }}
              />
            </label>
            <button type="submit">Make it</button>
          </form>
          <p role="status">
            {made.value && (
              <>
                The new key, shown this once: <code class="secret">{made.value}</code>
              </>
            )}
          </p>
        </>
      }
    >
      {open.map(({ id, name: called, prefix, account: of, last_used_at }) => (
        <tr key={id}>
          <th scope="row">{called}</th>
          <td>
            <code>{prefix}…</code>
          </td>
          <td>{nameOf(of)}</td>
          <td>{last_used_at ? <When at={Date.parse(last_used_at)} /> : 'never'}</td>
          <td class="actions">
            <button
              type="button"
              class="quiet"
              aria-label={`Revoke ${called}, ${prefix}`}
              onClick={() => act(`${called} is revoked.`, () => operator.revokeKey(id))}
            >
              Revoke
            </button>
          </td>
        </tr>
      ))}
    </Panel>
  )
}

interface JobsProps extends Seen {
  readonly act: Act
  readonly state: string
  readonly onState: (state: string) => void
}

function Jobs({ accounts, jobs, act, state, onState }: JobsProps): JSX.Element {
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

interface PanelProps {
  readonly title: string
  readonly heads: readonly string[]
  readonly beside?: JSX.Element
  readonly foot?: JSX.Element
  readonly children: ComponentChildren
}

function Panel({ title, heads, beside, foot, children }: PanelProps): JSX.Element {
  return (
    <section class="card">
      <div class="row">
        <h2>{title}</h2>
        {beside}
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: scrolls sideways on a phone, so the keyboard must reach it */}
      <section class="scrolls" tabIndex={0} aria-label={title}>
        <table>
          <thead>
            <tr>
              {heads.map((head) =>
                head === '' ? (
                  <td key="what can be done" />
                ) : (
                  <th key={head} scope="col" class={NUMBERS.includes(head) ? 'number' : ''}>
                    {head}
                  </th>
                ),
              )}
            </tr>
          </thead>
          <tbody>{children}</tbody>
        </table>
      </section>
      {foot && <div class="foot">{foot}</div>}
    </section>
  )
}

const NUMBERS = ['Credits', 'Held', 'Characters', 'Cost']
function wordsOf(error: unknown): string {
  noticeIfSilent(error)
  return error instanceof Error ? error.message : String(error)
}
const noticeIfSilent = (error: unknown): void => {
  if (error instanceof Refusal && error.status === 0) noticeRefusal(error)
}
