// The sound tags, inserted where the cursor is; and what stands in brackets without being one.
import type { JSX } from 'preact'
import { strangeTags, text } from '../draft.ts'
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
        <summary class="tag">moods…</summary>
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

export function StrangeTags(): JSX.Element {
  return (
    <ul class="advice" aria-live="polite">
      {strangeTags.value.map(({ inside, meant }) => (
        <li key={inside} class="warning">
          <span>
            <strong>[{inside}]</strong> is no tag: it will be read out.
          </span>
          {meant !== undefined && (
            <button
              type="button"
              class="tag"
              onClick={() => {
                text.value = text.value.replaceAll(`[${inside}]`, `[${meant}]`)
              }}
            >
              Make it [{meant}]
            </button>
          )}
        </li>
      ))}
    </ul>
  )
}
