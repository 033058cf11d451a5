// Text as the model was trained on it: the official `punc_norm`, then what experience added. Chatterbox `tts_turbo.py`, lines 30–66.

/** Python's `str.split()`: Unicode white space, the four separators U+001C…U+001F, but not U+FEFF as in JavaScript's `\s`. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: Python splits at these four control characters too
const PYTHON_SPACES = /[\t-\r\u001c-\u001f \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+/u
/** Applied one after the other, as `punc_norm` does. */
const REPLACEMENTS: readonly (readonly [string, string])[] = [
  ['…', ', '],
  [':', ','],
  ['—', '-'],
  ['–', '-'],
  [' ,', ','],
  ['“', '"'],
  ['”', '"'],
  ['‘', "'"],
  ['’', "'"],
]

/** The official `punc_norm`, character by character: first letter raised, white space collapsed, punctuation made plain. */
export function normalizePunctuation(text: string): string {
  if (text === '') return 'You need to add some text for me to talk.'
  const raised = text.replace(/^\p{Lowercase}/u, (letter) => letter.toUpperCase())
  let plain = raised.split(PYTHON_SPACES).filter(Boolean).join(' ')
  for (const [from, to] of REPLACEMENTS) plain = plain.replaceAll(from, to)
  plain = plain.replace(/ +$/, '')
  return /[.!?\-,]$/.test(plain) ? plain : `${plain}.`
}

/**
 * `normalizePunctuation`, then double quotes go (the model sighs for a second at one, Chatterbox issue 433: `punc_norm` even
 * makes them) and the double spaces that `punc_norm` leaves after an ellipsis.
 */
export function normalizeText(text: string): string {
  return normalizePunctuation(text).replaceAll('"', '').replace(/ {2,}/g, ' ').trim()
}
