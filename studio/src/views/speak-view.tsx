// Voice, text, tags, delivery; then takes to listen to.
import type { JSX } from 'preact'
import { useRef } from 'preact/hooks'
import { canSpeak, characters, estimatedCredits, estimatedSeconds, isTooLong, text } from '../draft.ts'
import { EXAMPLES, type Example } from '../examples.ts'
import { dollars, duration, whole } from '../figures.ts'
import { playsLive } from '../live-sound.ts'
import { CompareBar } from '../parts/compare-bar.tsx'
import { ParameterPanel, SeedField } from '../parts/parameter-panel.tsx'
import { RunningCard } from '../parts/running-card.tsx'
import { StrangeTags, TagPalette } from '../parts/tag-palette.tsx'
import { TakeCard } from '../parts/take-card.tsx'
import { importText, TextImport } from '../parts/text-import.tsx'
import { VoiceCard } from '../parts/voice-card.tsx'
import { problem, running, speakDraft } from '../running.ts'
import { facts } from '../session.ts'
import { areTakesLoaded, takes } from '../takes.ts'

const SHOWN_TAKES = 6
const SPEAK_KEYS = /Mac|iP(hone|ad)/.test(navigator.platform) ? '⌘ ⏎' : 'Ctrl ⏎'

export function SpeakView(): JSX.Element {
  const field = useRef<HTMLTextAreaElement>(null)
  const limit = facts.value?.text_limit_characters ?? 0

  const insertTag = (tag: string) => {
    const area = field.current
    if (!area) return
    const { selectionStart: at, selectionEnd: end, value } = area
    const before = value.slice(0, at)
    const inserted = `${before === '' || before.endsWith(' ') ? '' : ' '}[${tag}] `
    text.value = before + inserted + value.slice(end).replace(/^ /, '')
    area.focus()
    requestAnimationFrame(() => area.setSelectionRange(at + inserted.length, at + inserted.length))
  }
  const begin = (example: Example) => {
    text.value = example.text
    // Not on a phone, where a keyboard would cover what one clicks next.
    if (matchMedia('(pointer: fine)').matches) field.current?.focus()
  }
  const onKey = (event: KeyboardEvent) => {
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey) && canSpeak.value) speakDraft()
  }

  return (
    <div class="speak">
      <h1 class="hidden">Speak</h1>
      <div class="compose">
        <VoiceCard />
        <section class="card text" aria-labelledby="text-title">
          <div class="row">
            <h2 id="text-title">
              <label for="text">Text</label>
            </h2>
            <span class="actions">
              {text.value === '' && (
                <button type="button" class="quiet" onClick={() => begin(EXAMPLES[0])}>
                  Try an example
                </button>
              )}
              <TextImport />
            </span>
          </div>
          <div class="write">
            <textarea
              id="text"
              ref={field}
              rows={5}
              aria-describedby="estimate"
              placeholder="What shall be said? Click a tag to laugh, sigh or whisper."
              value={text.value}
              onInput={({ currentTarget }) => {
                text.value = currentTarget.value
              }}
              onKeyDown={onKey}
              onDrop={(event) => {
                const file = event.dataTransfer?.files[0]
                if (!file) return // words that were dragged: the browser puts them in
                event.preventDefault()
                importText(file)
              }}
            />
            <TagPalette onInsert={insertTag} />
            <StrangeTags />
            <ParameterPanel />
          </div>
          <div class="announce" aria-live="assertive">
            {problem.value && <p class="problem">{problem.value}</p>}
          </div>
          <div class="generate">
            <p class="estimate" id="estimate" data-over={isTooLong.value ? '' : undefined}>
              <span>
                {whole(characters.value)} of {whole(limit)} characters
              </span>
              {isTooLong.value && <strong>Too long by {whole(characters.value - limit)}.</strong>}
              {canSpeak.value && (
                <span>
                  about {duration(Math.max(1, estimatedSeconds.value))} of speech for {dollars(estimatedCredits.value)}
                </span>
              )}
            </p>
            <div class="choices">
              <SeedField />
              <label class="check" title="Heard while it is still being spoken">
                <input
                  type="checkbox"
                  checked={playsLive.value}
                  onChange={({ currentTarget }) => {
                    playsLive.value = currentTarget.checked
                  }}
                />
                <span>Play live</span>
              </label>
            </div>
            <button type="button" class="primary" disabled={!canSpeak.value} onClick={speakDraft}>
              Speak <kbd>{SPEAK_KEYS}</kbd>
            </button>
          </div>
        </section>
      </div>
      <section class="takes" aria-label="Takes">
        <CompareBar />
        {running.value.map((one) => (
          <RunningCard key={one.id} one={one} />
        ))}
        {areTakesLoaded.value && takes.value.length + running.value.length === 0 && (
          <div class="empty">
            <h2>Your takes appear here</h2>
            <p>
              Speak a text as often as you like. Each take has its seed, so that you can have the same one again, and
              two of them can be compared side by side. Begin with:
            </p>
            <ul class="examples">
              {EXAMPLES.map((example) => (
                <li key={example.title}>
                  <button type="button" onClick={() => begin(example)}>
                    <strong>{example.title}</strong>
                    <span>{example.text}</span>
                  </button>
                </li>
              ))}
            </ul>
          </div>
        )}
        {takes.value.slice(0, SHOWN_TAKES).map((take) => (
          <TakeCard key={take.id} take={take} />
        ))}
        {takes.value.length > SHOWN_TAKES && (
          <a class="more" href="#/history">
            All {takes.value.length} takes
          </a>
        )}
      </section>
    </div>
  )
}
