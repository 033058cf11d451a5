// A text as the pieces an engine speaks one after the other: whole sentences where possible, the first piece short so that
// sound comes early, tags never cut, nothing longer than an engine bears.
import { normalizeText } from './normalize.ts'
import { splitSentences } from './sentences.ts'
import { spellOut } from './spell-out.ts'
import { BRACKETED, recognizeTag } from './tags.ts'

/** Beyond about 300 characters the speech model rambles and the preview's Flite gets quadratically slow. */
export const MAX_PIECE_CHARACTERS = 280
/** About 7 s of speech: the wait for the first sound is the time this takes. */
const FIRST_PIECE_CHARACTERS = 110
/** A first piece shorter than this is not worth a cut inside of a sentence. */
const SHORTEST_CLAUSE_CHARACTERS = 24

/**
 * What is done to a text before it is cut: `punctuation` is what normalize.ts does, `full` says figures, signs and addresses in words before
 * that, `none` leaves it as it is written.
 */
export const TEXT_HANDLINGS = ['full', 'punctuation', 'none'] as const
export type TextHandling = (typeof TEXT_HANDLINGS)[number]

/** Normalises a text and cuts it; the pieces hold all words in order. A text without any words gives one piece. */
export function splitIntoPieces(written: string, handling: TextHandling = 'punctuation'): string[] {
  const text = handling === 'full' ? spellOut(written) : written
  const normalize = handling === 'none' ? (paragraph: string) => paragraph : normalizeText
  const paragraphs = text.split(/\n\s*\n/).filter((paragraph) => paragraph.trim() !== '')
  const sentences = (paragraphs.length > 0 ? paragraphs : [text])
    .flatMap((paragraph) => splitSentences(normalize(paragraph)))
    .flatMap((sentence) => cutToLength(sentence, MAX_PIECE_CHARACTERS))
  return pack(shortenFirst(sentences))
}

/** Whether there is anything to speak: a letter or digit of any script, or a tag. */
export function hasWords(text: string): boolean {
  return /[\p{L}\p{N}]/u.test(text)
}

function shortenFirst(sentences: readonly string[]): string[] {
  const [first = '', ...rest] = sentences
  if (first.length <= FIRST_PIECE_CHARACTERS) return [first, ...rest]
  const cut = lastClauseEnd(first, FIRST_PIECE_CHARACTERS)
  if (cut < SHORTEST_CLAUSE_CHARACTERS) return [first, ...rest]
  return [first.slice(0, cut).trim(), first.slice(cut).trim(), ...rest]
}

function pack(sentences: readonly string[]): string[] {
  const pieces: string[] = []
  for (const sentence of sentences) {
    const last = pieces.at(-1)
    const limit = pieces.length === 1 ? FIRST_PIECE_CHARACTERS : MAX_PIECE_CHARACTERS
    const joined = `${last} ${sentence}`
    // What holds no words (an emoji, a dash) cannot be a piece of its own: it joins its neighbour even in the short first piece.
    const wordless = last !== undefined && !(hasWords(last) && hasWords(sentence))
    if (last !== undefined && joined.length <= (wordless ? MAX_PIECE_CHARACTERS : limit))
      pieces[pieces.length - 1] = joined
    else pieces.push(sentence)
  }
  return pieces
}

/** Parts of at most `limit` characters, cut at a clause, else between words, else inside of an endless word. */
function cutToLength(sentence: string, limit: number): string[] {
  const parts: string[] = []
  let rest = sentence
  while (rest.length > limit) {
    // One character is kept for the comma that tells the model that the sentence goes on.
    const window = rest.slice(0, limit + 64)
    const cut = lastClauseEnd(window, limit) || lastSpace(window, limit - 1) || lastGrapheme(window, limit - 1)
    const part = rest.slice(0, cut).trim()
    parts.push(/[.!?,;\-\]]$/.test(part) ? part : `${part},`)
    rest = rest.slice(cut).trim()
  }
  return rest === '' ? parts : [...parts, rest]
}

/** End of the last clause that fits, in the latter two thirds of the room; 0 where there is none. */
function lastClauseEnd(text: string, limit: number): number {
  const ends = [...text.matchAll(/[,;)]\s|\s[-(]/g)].map(
    (match) => match.index + (/\S/.test(match[0][0] ?? '') ? 1 : 0),
  )
  return lastFitting(ends, limit / 3, limit, text)
}

function lastSpace(text: string, limit: number): number {
  return lastFitting(
    [...text.matchAll(/\s/g)].map((match) => match.index),
    1,
    limit,
    text,
  )
}

/** A cut between two characters as people see them: never inside of a flag, an accented letter or a tag. */
function lastGrapheme(text: string, limit: number): number {
  const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' }).segment(text)
  const starts = Array.from(graphemes, (grapheme) => grapheme.index)
  // A single "character" of hundreds of combining marks is cut all the same.
  return lastFitting(starts, 1, limit, text) || limit
}

function lastFitting(cuts: readonly number[], from: number, to: number, text: string): number {
  const tags = [...text.matchAll(BRACKETED)].filter((match) => recognizeTag(match[1] ?? ''))
  const insideTag = (cut: number) => tags.some((tag) => cut > tag.index && cut < tag.index + tag[0].length)
  return cuts.findLast((cut) => cut >= from && cut <= to && !insideTag(cut)) ?? 0
}
