// What customers order, and what they come to hold in their hands.
import { randomUUID } from 'node:crypto'

export const FORMATS = ['wav', 'mp3', 'ogg', 'flac'] as const
const SHORT_TEXTS = [
  'Hello there.',
  'The train leaves at nine.',
  'Is anybody home? [laugh] I thought so.',
  'One more time, please.',
  'It rains. It pours.',
]
/** Several pieces each, so that a kill leaves some that are made and some that are not. */
const LONG_TEXTS = [5, 9, 14].map((minutes) =>
  Array.from(
    { length: 4 * minutes },
    (_, n) => `Sentence ${n + 1} of a story that takes ${minutes} minutes to tell.`,
  ).join(' '),
)
/** Cut into twelve pieces: what is followed by its events, and changed piece by piece. */
const VERY_LONG_TEXT = Array.from(
  { length: 60 },
  (_, n) => `Line ${n + 1} of a chapter that is followed while it is read.`,
).join(' ')
/** The cheap engine takes seconds for a piece that says it. */
export const SLOWLY = 'slowly'
/** The cheap engine dies of it. */
export const POISON = 'arsenic'
const REFERENCE_KINDS = ['inline', 'upload', 'link', 'file', 'voice', 'broken'] as const

/** An output that came out of an answer, whole. */
export interface Receipt {
  readonly requestId: string
  /** Of the stored file; none of a stream, which is compared by its sound. */
  readonly sha256?: string
  readonly costMicro: number
  readonly replayed: boolean
}

/** What came of a stream, or of a file whose sound is looked at. */
export interface Sound {
  readonly requestId: string
  readonly bytes: Buffer
  /** It looked complete to whoever got it. */
  readonly whole: boolean
}

/** A piece of a request that is to be spoken again. */
export interface PieceToChange {
  readonly order: Order
  readonly requestId: string
  readonly index: number
}

/** What an answer said about the end of a request. */
export interface ToldEnd {
  readonly requestId: string
  readonly state: 'completed' | 'failed' | 'cancelled'
}

export interface Order {
  /**
   * `v1`: the connection waits. `stream`: it gets the sound as it is made. `v2`: the customer comes back for it, and is told by webhook.
   * `long`: the same, followed by its events. `piece`: a piece of a long one, once more.
   */
  readonly api: 'v1' | 'v2' | 'stream' | 'long' | 'piece'
  readonly key: string
  readonly text: string
  readonly format: (typeof FORMATS)[number]
  readonly seed: number
  readonly reference: (typeof REFERENCE_KINDS)[number]
  /** Of a stream: as server-sent events, not in chunks. */
  readonly asEvents?: boolean
  /** Of a stream and of a long text: the first pieces come in parts. */
  readonly latency?: 'low'
  /** Of a `piece`, whose text is that of the piece alone. */
  readonly changes?: PieceToChange
  readonly receipts: Receipt[]
  /** Of streams, in the order of the tries; of long texts, whenever the file was fetched. */
  readonly sounds: Sound[]
  readonly toldEnds: ToldEnd[]
  /**
   * `refused`: by a 4xx, or failed as it had to. `abandoned`: hung up and never asked again, or still unanswered at the end.
   * `cancelled`: by the customer, and confirmed.
   */
  outcome: 'open' | 'served' | 'refused' | 'abandoned' | 'cancelled'
}

export const isPoison = ({ text }: Pick<Order, 'text'>): boolean => text.includes(POISON)

export interface OrderChances {
  readonly random: () => number
  /** Whether there is an engine that dies of poison. */
  readonly withPoison: boolean
  /** What is ordered, in place of the usual. */
  readonly texts?: readonly string[] | undefined
}

/** Customers of chosen texts order them whole. */
export function makeOrder({ random, withPoison, texts }: OrderChances): Order {
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T
  const chooseText = () => {
    const short = pick(texts ?? SHORT_TEXTS)
    const kind = random()
    if (withPoison && kind < 0.015) return `${short} With ${POISON}.`
    return texts === undefined && kind < 0.3 ? pick(LONG_TEXTS) : short
  }
  const common = {
    ...nothingYet(),
    seed: 1 + Math.floor(random() * 3),
    reference: random() < 0.05 ? ('broken' as const) : pick(REFERENCE_KINDS.filter((name) => name !== 'broken')),
  }
  const kind = texts === undefined ? random() : 1
  const early = random() < 0.5 ? { latency: 'low' as const } : {}
  if (kind < 0.08) return { ...common, ...early, api: 'long', text: VERY_LONG_TEXT, format: 'wav' }
  if (kind < 0.28) {
    const text = random() < 0.7 ? pick(LONG_TEXTS) : chooseText()
    return { ...common, ...early, api: 'stream', text, format: pick(['wav', 'mp3'] as const), asEvents: random() < 0.4 }
  }
  return { ...common, api: random() < 0.6 ? 'v1' : 'v2', text: chooseText(), format: pick(FORMATS) }
}

/** `text` is that of the piece, which is what it costs. */
export function makeChange(changes: PieceToChange, text: string, seed: number): Order {
  const { reference, format } = changes.order
  return { ...nothingYet(), api: 'piece', text, format, seed, reference, changes }
}

const nothingYet = () => ({
  key: randomUUID() as string,
  receipts: [],
  sounds: [],
  toldEnds: [],
  outcome: 'open' as const,
})

/** Equal names sound equal. A stored voice is an excerpt of the recording, and named in the file. */
export function nameSound({ text, format, seed, reference, changes, api, latency }: Order): string {
  const whole = changes && [nameSound(changes.order), changes.index]
  return JSON.stringify([text, format, seed, reference === 'voice', api === 'stream', latency, whole])
}
