// What the person is about to have spoken: text and parameters. Survives a reload.
import { computed, effect, signal } from '@preact/signals'
import type { SpeakParameters } from './api.ts'
import { facts } from './session.ts'

export const DEFAULT_PARAMETERS: SpeakParameters = {
  temperature: 0.7,
  top_p: 0.9,
  top_k: 500,
  min_p: 0,
  repetition_penalty: 1.3,
  seed: 0,
  norm_loudness: true,
  latency: 'normal',
}

// Read aloud at about 15 characters a second: 165 words a minute of English prose.
const CHARACTERS_PER_SECOND = 15
const BRACKETED = /\[([^[\]]{1,40})\]/g
/** `laughs` and `laughing` begin as `laugh` does, `whisper` as `whispering`. */
const SAME_LETTERS = 4
const STORED_DRAFT = 'chatterbox-draft'

interface StoredDraft {
  readonly text: string
  readonly parameters: SpeakParameters
}
const stored = readStored()

export const text = signal(stored.text)
export const parameters = signal<SpeakParameters>(stored.parameters)

export const characters = computed(() => [...text.value].length)
/** Without its tags. */
export const estimatedSeconds = computed(() => estimateSeconds(text.value))
export const estimatedCredits = computed(
  () => (characters.value * (facts.value?.price_per_1000_characters ?? 0)) / 1000,
)
export const isTooLong = computed(
  () => facts.value !== undefined && characters.value > facts.value.text_limit_characters,
)
export const canSpeak = computed(() => text.value.trim() !== '' && !isTooLong.value)

/** What stands in brackets and is none of the model's tags, so that it is read out; with the tag that may have been meant. */
export const strangeTags = computed<readonly StrangeTag[]>(() => {
  const { sound = [], delivery = [] } = facts.value?.tags ?? {}
  const tags = [...sound, ...delivery]
  if (tags.length === 0) return []
  const written = [...text.value.matchAll(BRACKETED)].map(([, inside = '']) => inside)
  return [...new Set(written)].flatMap((inside) => {
    const name = inside.trim().toLowerCase().replace(/\s+/g, ' ')
    if (tags.includes(name)) return []
    return [{ inside, meant: tags.find((tag) => tag.slice(0, SAME_LETTERS) === name.slice(0, SAME_LETTERS)) }]
  })
})

export interface StrangeTag {
  /** As it is written. */
  readonly inside: string
  readonly meant: string | undefined
}

export function estimateSeconds(words: string): number {
  return words.replace(/\[[^[\]]*\]/g, '').trim().length / CHARACTERS_PER_SECOND
}

effect(() => {
  const draft: StoredDraft = { text: text.value, parameters: parameters.value }
  localStorage.setItem(STORED_DRAFT, JSON.stringify(draft))
})

function readStored(): StoredDraft {
  try {
    const draft = JSON.parse(localStorage.getItem(STORED_DRAFT) ?? '{}') as Partial<StoredDraft>
    return { text: draft.text ?? '', parameters: { ...DEFAULT_PARAMETERS, ...draft.parameters } }
  } catch {
    return { text: '', parameters: DEFAULT_PARAMETERS }
  }
}
