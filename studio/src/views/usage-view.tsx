// What the account has used: sums, a bar for each day, and what it went to.
import { signal } from '@preact/signals'
import type { JSX } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import type { UsageReport } from '../../../src/contract/usage.ts'
import { findUsage } from '../api.ts'
import { dollars, duration, whole } from '../figures.ts'
import { type Bar, BarChart } from '../parts/bar-chart.tsx'
import { Problem } from '../parts/field.tsx'
import { Table } from '../parts/table.tsx'
import { isServerGone, key, noticeRefusal } from '../session.ts'

type Row = UsageReport['usage'][number]
type Sums = UsageReport['total']
interface Measure {
  readonly title: string
  readonly of: (sums: Sums) => number
  readonly show: (value: number) => string
  /** Shortest scale of the chart. */
  readonly least: number
}

const MEASURES: readonly [Measure, ...Measure[]] = [
  { title: 'Requests', of: ({ requests }) => requests, show: whole, least: 4 },
  { title: 'Characters', of: ({ characters }) => characters, show: whole, least: 400 },
  { title: 'Speech', of: ({ audio_seconds }) => audio_seconds, show: duration, least: 40 },
  { title: 'Cost', of: ({ cost }) => cost, show: dollars, least: 0.04 },
]
const RANGES = [7, 30, 90] as const
const DAY_MS = 86_400_000

const days = signal<number>(30)
const measure = signal<Measure>(MEASURES[0])

interface Found {
  readonly byDay: UsageReport
  readonly byModel: UsageReport
  readonly byKey: UsageReport
}

export function UsageView(): JSX.Element {
  const [found, setFound] = useState<Found>()
  const [problem, setProblem] = useState<string>()
  const range = days.value
  const apiKey = key.value
  const isGone = isServerGone.value
  useEffect(() => {
    if (apiKey === undefined || isGone) return
    let isWanted = true
    const from = dayBefore(range - 1)
    const asked = (['day', 'model', 'key'] as const).map((by) => findUsage(apiKey, from, by))
    Promise.all(asked)
      .then(([byDay, byModel, byKey]) => {
        if (!isWanted || !byDay || !byModel || !byKey) return
        setFound({ byDay, byModel, byKey })
        setProblem(undefined)
      })
      .catch((error: unknown) => {
        noticeRefusal(error)
        if (isWanted) setProblem(error instanceof Error ? error.message : String(error))
      })
    return () => {
      isWanted = false
    }
  }, [range, apiKey, isGone])

  return (
    <div class="usage">
      <div class="row">
        <h1>Usage</h1>
        <fieldset class="actions" aria-label="How far back">
          {RANGES.map((count) => (
            <button
              key={count}
              type="button"
              aria-pressed={count === range}
              onClick={() => {
                days.value = count
              }}
            >
              {count} days
            </button>
          ))}
        </fieldset>
      </div>
      <Problem text={problem} />
      {!found && !problem && (
        <p class="loading" role="status">
          Adding up…
        </p>
      )}
      {found && <Report found={found} range={range} />}
    </div>
  )
}

function Report({ found, range }: { readonly found: Found; readonly range: number }): JSX.Element {
  const { total } = found.byDay
  const { title, of, show, least } = measure.value
  return (
    <>
      <fieldset class="tiles" aria-label="What the chart shows">
        {MEASURES.map((one) => (
          <button
            key={one.title}
            type="button"
            class="tile"
            aria-pressed={one.title === title}
            onClick={() => {
              measure.value = one
            }}
          >
            <span>{one.title}</span>
            <strong>{one.show(one.of(total))}</strong>
          </button>
        ))}
      </fieldset>
      <section class="card" aria-label={`${title} by day`}>
        <BarChart bars={barsOf(found.byDay.usage, range, of)} show={show} least={least} label={`${title} by day`} />
        {total.failed > 0 && <p class="hint">{whole(total.failed)} requests failed; those were not charged.</p>}
      </section>
      {total.requests === 0 ? (
        <p class="empty">
          Nothing has been spoken in these {range} days. <a href="#/speak">Speak something</a>
        </p>
      ) : (
        <div class="two">
          <Split title="By model" first="Model" rows={found.byModel.usage} />
          <Split title="By key" first="Key" rows={found.byKey.usage} />
        </div>
      )}
    </>
  )
}

function Split({ title, first, rows }: { title: string; first: string; rows: readonly Row[] }): JSX.Element {
  return (
    <section class="card">
      <h2>{title}</h2>
      <Table
        label={title}
        columns={[{ title: first }, ...MEASURES.map((one) => ({ title: one.title, isNumber: true as const }))]}
        rows={rows.map((row) => ({
          id: row.group,
          cells: [row.name ?? row.group, ...MEASURES.map((one) => one.show(one.of(row)))],
        }))}
      />
    </section>
  )
}

const dayBefore = (count: number): string => new Date(Date.now() - count * DAY_MS).toISOString().slice(0, 10)

/** One for each day, oldest first; days without requests have no row. */
function barsOf(rows: readonly Row[], range: number, of: Measure['of']): readonly Bar[] {
  return Array.from({ length: range }, (_, index) => {
    const name = dayBefore(range - 1 - index)
    const row = rows.find(({ group }) => group === name)
    return { name, value: row ? of(row) : 0 }
  })
}
