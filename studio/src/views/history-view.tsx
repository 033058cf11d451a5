// Every take of this browser, searchable.
import { signal } from '@preact/signals'
import type { JSX } from 'preact'
import { CompareBar } from '../parts/compare-bar.tsx'
import { TakeCard } from '../parts/take-card.tsx'
import { areTakesLoaded, takes } from '../takes.ts'

const PAGE = 20
const wanted = signal('')
const onlyKept = signal(false)
const shown = signal(PAGE)

export function HistoryView(): JSX.Element {
  const words = wanted.value.toLowerCase()
  const found = takes.value.filter(
    ({ text, voiceName, seed, isKept }) =>
      (!onlyKept.value || isKept) && `${text} ${voiceName} ${seed}`.toLowerCase().includes(words),
  )
  return (
    <div class="history">
      <div class="row filters">
        <h1>History</h1>
        <label class="search">
          <span class="hidden">Search takes</span>
          <input
            type="search"
            placeholder="Text, voice or seed"
            value={wanted.value}
            onInput={({ currentTarget }) => {
              wanted.value = currentTarget.value
            }}
          />
        </label>
        <label class="check">
          <input
            type="checkbox"
            checked={onlyKept.value}
            onChange={({ currentTarget }) => {
              onlyKept.value = currentTarget.checked
            }}
          />
          <span>Kept only</span>
        </label>
      </div>
      <CompareBar />
      {found.length === 0 && areTakesLoaded.value && (
        <p class="empty">
          {takes.value.length === 0 ? (
            <>
              Nothing has been spoken in this browser yet. <a href="#/speak">Speak something</a>
            </>
          ) : wanted.value === '' ? (
            'No take is kept. The star of a take keeps it.'
          ) : (
            'No take has that in it.'
          )}
        </p>
      )}
      {found.slice(0, shown.value).map((take) => (
        <TakeCard key={take.id} take={take} />
      ))}
      {found.length > shown.value && (
        <button
          type="button"
          onClick={() => {
            shown.value += PAGE
          }}
        >
          Show more
        </button>
      )}
    </div>
  )
}
