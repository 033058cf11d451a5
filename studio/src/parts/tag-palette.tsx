// The sound tags, inserted where the cursor is.
import type { JSX } from 'preact'
import { facts } from '../session.ts'

export function TagPalette({ onInsert }: { readonly onInsert: (tag: string) => void }): JSX.Element {
  const { sound = [], delivery = [] } = facts.value?.tags ?? {}
  return (
    <fieldset class="palette" aria-label="Sound tags">
      {sound.map((tag) => (
        <button key={tag} type="button" class="tag" onClick={() => onInsert(tag)}>
          [{tag}]
        </button>
      ))}
      <details class="more-tags">
        <summary class="tag">delivery…</summary>
        <div class="palette">
          {delivery.map((tag) => (
            <button key={tag} type="button" class="tag" onClick={() => onInsert(tag)}>
              [{tag}]
            </button>
          ))}
        </div>
      </details>
    </fieldset>
  )
}
