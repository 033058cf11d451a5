// Voice, text, tags, delivery; then takes to listen to.
import { signal } from '@preact/signals'
import type { JSX } from 'preact'
import { useRef } from 'preact/hooks'
import { Refusal, speak } from '../api.ts'
import { characters, estimatedCredits, estimatedSeconds, parameters, text, voice } from '../draft.ts'
import { CompareBar } from '../parts/compare-bar.tsx'
import { ParameterPanel, SeedField } from '../parts/parameter-panel.tsx'
import { TagPalette } from '../parts/tag-palette.tsx'
import { TakeCard } from '../parts/take-card.tsx'
import { VoiceCard } from '../parts/voice-card.tsx'
import { credits, facts, key, signOut } from '../session.ts'
import { addTake, takes } from '../takes.ts'
import { secondsOfWav } from '../wav.ts'

const EXAMPLE =
  'Well, would you listen to that! [laugh] My own voice, on my own machine. [sigh] I could do this all day.'
const SHOWN_TAKES = 6

const running = signal<AbortController | undefined>(undefined)
const problem = signal<string | undefined>(undefined)

async function generate(): Promise<void> {
  if (running.value || key.value === undefined || text.value.trim() === '') return
  const controller = new AbortController()
  running.value = controller
  problem.value = undefined
  try {
    const request = { ...parameters.value, text: text.value, reference: voice.value.reference }
    const spoken = await speak(key.value, request, 'wav', controller.signal)
    credits.value = spoken.remainingCredits
    await addTake({
      id: spoken.requestId,
      createdAt: Date.now(),
      text: request.text,
      voiceName: voice.value.name,
      parameters: parameters.value,
      model: spoken.model,
      seed: spoken.seed,
      audio: spoken.audio,
      audioSeconds: await secondsOfWav(spoken.audio),
      engineSeconds: spoken.engineSeconds,
      costCredits: spoken.costCredits,
      guards: spoken.guards,
      isKept: false,
    })
  } catch (error) {
    if (controller.signal.aborted) return
    if (error instanceof Refusal && error.status === 401) signOut()
    problem.value = error instanceof Error ? error.message : String(error)
  } finally {
    running.value = undefined
  }
}

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
  const onKey = (event: KeyboardEvent) => {
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) generate()
  }

  return (
    <div class="speak">
      <div class="compose">
        <VoiceCard />
        <section class="card" aria-labelledby="text-title">
          <div class="row">
            <h2 id="text-title">
              <label for="text">Text</label>
            </h2>
            {text.value === '' && (
              <button
                type="button"
                class="quiet"
                onClick={() => {
                  text.value = EXAMPLE
                }}
              >
                Try an example
              </button>
            )}
          </div>
          <textarea
            id="text"
            ref={field}
            rows={6}
            placeholder="What shall be said? Click a tag to laugh, sigh or whisper."
            value={text.value}
            onInput={({ currentTarget }) => {
              text.value = currentTarget.value
            }}
            onKeyDown={onKey}
          />
          <TagPalette onInsert={insertTag} />
          <p class="estimate" data-over={characters.value > limit ? '' : undefined}>
            {characters.value.toLocaleString('en-US')} of {limit.toLocaleString('en-US')} characters · about{' '}
            {estimatedSeconds.value.toFixed(0)} s · ${estimatedCredits.value.toFixed(4)}
          </p>
          <ParameterPanel />
          <div class="generate">
            <SeedField />
            {running.value ? (
              <button type="button" class="primary" onClick={() => running.value?.abort()}>
                <span class="spinner" aria-hidden="true" /> Stop
              </button>
            ) : (
              <button type="button" class="primary" disabled={text.value.trim() === ''} onClick={generate}>
                Speak <kbd>Ctrl ⏎</kbd>
              </button>
            )}
          </div>
          <div aria-live="assertive">{problem.value && <p class="problem">{problem.value}</p>}</div>
        </section>
      </div>
      <section class="takes" aria-label="Takes">
        <CompareBar />
        {takes.value.length === 0 && (
          <div class="empty">
            <p>
              Your takes appear here: each with its seed, so that you can have the same one again, and side by side to
              compare.
            </p>
          </div>
        )}
        {takes.value.slice(0, SHOWN_TAKES).map((take) => (
          <TakeCard key={take.id} take={take} />
        ))}
        {takes.value.length > SHOWN_TAKES && <a href="#/history">All {takes.value.length} takes</a>}
      </section>
    </div>
  )
}
