// The bracketed tags the model knows as single tokens (Chatterbox Turbo, token ids 50257–50275).

/** Tags that stand for a sound of their own. */
export const SOUND_TAGS = [
  'laugh',
  'chuckle',
  'sigh',
  'gasp',
  'cough',
  'clear throat',
  'sniff',
  'groan',
  'shush',
] as const

/** Tags that colour the words after them; the official model hardly reacts to them (Chatterbox issue 557). */
export const DELIVERY_TAGS = [
  'angry',
  'fear',
  'surprised',
  'whispering',
  'advertisement',
  'dramatic',
  'narration',
  'crying',
  'happy',
  'sarcastic',
] as const

export type SoundTag = (typeof SOUND_TAGS)[number]

/** Bracketed text of up to 40 characters, tag or not: kept in one piece. */
export const BRACKETED = /\[([^[\]]{1,40})\]/g

/** What a bracketed text is; case and surrounding spaces do not matter. */
export function recognizeTag(inside: string): { kind: 'sound'; tag: SoundTag } | { kind: 'delivery' } | undefined {
  const name = inside.trim().toLowerCase().replace(/\s+/g, ' ')
  const tag = SOUND_TAGS.find((known) => known === name)
  if (tag) return { kind: 'sound', tag }
  return DELIVERY_TAGS.some((known) => known === name) ? { kind: 'delivery' } : undefined
}
