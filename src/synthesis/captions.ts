// When what is said, as captions short enough to read. Times of pieces are exact; where one is cut, nobody knows when its words fall, and the
// number of characters has to do.
import { BRACKETED, recognizeTag } from '../engine/text/tags.ts'

/** Two lines of 42 characters, as broadcasters have them. */
const LONGEST_CUE_CHARACTERS = 84

export interface Span {
  /** Of the piece. */
  readonly index: number
  readonly text: string
  readonly startSeconds: number
  readonly endSeconds: number
}

export interface Cue extends Span {
  /** One of its ends lies inside of a piece. */
  readonly estimated: boolean
}

/** Pieces without words or sounds have no cue. Sounds stay in their brackets, as captions have them; tags that colour the voice are left out. */
export function cutCues(pieces: readonly Span[]): Cue[] {
  return pieces.flatMap((piece) => {
    const lines = cutLines(captionOf(piece.text))
    const characters = lines.reduce((sum, line) => sum + line.length, 0)
    const secondsPerCharacter = (piece.endSeconds - piece.startSeconds) / Math.max(1, characters)
    let said = 0
    return lines.map((text, at) => {
      const startSeconds = piece.startSeconds + said * secondsPerCharacter
      said += text.length
      const isLast = at === lines.length - 1
      const endSeconds = isLast ? piece.endSeconds : piece.startSeconds + said * secondsPerCharacter
      return { index: piece.index, text, startSeconds, endSeconds, estimated: lines.length > 1 }
    })
  })
}

const captionOf = (text: string): string =>
  text
    .replaceAll(BRACKETED, (whole, inside: string) => (recognizeTag(inside)?.kind === 'delivery' ? ' ' : whole))
    .replace(/\s+/g, ' ')
    .trim()

/** Whole words, as evenly long as they fall, rather at the end of a clause than later. */
function cutLines(text: string): string[] {
  const lines: string[] = []
  let rest = text
  while (rest.length > LONGEST_CUE_CHARACTERS) {
    const parts = Math.ceil(rest.length / LONGEST_CUE_CHARACTERS)
    const cut = bestCut(rest, Math.ceil(rest.length / parts))
    lines.push(rest.slice(0, cut).trim())
    rest = rest.slice(cut).trim()
  }
  return rest === '' ? lines : [...lines, rest]
}

/** Where a line ends best: near `wanted` characters, after a mark if there is one not far from there. */
function bestCut(text: string, wanted: number): number {
  const spaces = [...text.slice(0, LONGEST_CUE_CHARACTERS + 1).matchAll(/\s/g)].map(({ index }) => index)
  const cost = (at: number) => Math.abs(at - wanted) - (/[.,;:!?\]-]/.test(text[at - 1] ?? '') ? wanted / 3 : 0)
  const usable = spaces.filter((at) => at > wanted / 2)
  return usable.reduce((best, at) => (cost(at) < cost(best) ? at : best), usable[0] ?? LONGEST_CUE_CHARACTERS)
}

/** SubRip. */
export const toSrt = (cues: readonly Cue[]): string =>
  cues
    .map(({ text, startSeconds, endSeconds }, at) =>
      [at + 1, `${clock(startSeconds, ',')} --> ${clock(endSeconds, ',')}`, text, ''].join('\n'),
    )
    .join('\n')

/** WebVTT (https://www.w3.org/TR/webvtt1/). */
export const toVtt = (cues: readonly Cue[]): string =>
  [
    'WEBVTT\n',
    ...cues.map(({ text, startSeconds, endSeconds }) =>
      [`${clock(startSeconds, '.')} --> ${clock(endSeconds, '.')}`, escapeVtt(text), ''].join('\n'),
    ),
  ].join('\n')

const escapeVtt = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')

/** `00:00:06,520` */
function clock(seconds: number, mark: string): string {
  const milliseconds = Math.round(seconds * 1000)
  const pad = (value: number, digits = 2) => String(Math.floor(value)).padStart(digits, '0')
  const [hours, minutes] = [milliseconds / 3_600_000, (milliseconds / 60_000) % 60]
  return `${pad(hours)}:${pad(minutes)}:${pad((milliseconds / 1000) % 60)}${mark}${pad(milliseconds % 1000, 3)}`
}
