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
/** The cheap engine takes seconds for a piece that says it. */
export const SLOWLY = 'slowly'
/** The cheap engine dies of it. */
export const POISON = 'arsenic'
const REFERENCE_KINDS = ['inline', 'upload', 'link', 'file', 'broken'] as const

/** An output that came out of an answer, whole. */
export interface Receipt {
  readonly requestId: string
  readonly sha256: string
  readonly costMicro: number
  readonly replayed: boolean
}

/** What an answer said about the end of a request. */
export interface ToldEnd {
  readonly requestId: string
  readonly state: 'completed' | 'failed' | 'cancelled'
}

export interface Order {
  /** `v1`: the connection waits. `v2`: the customer comes back for it, and is told by webhook. */
  readonly api: 'v1' | 'v2'
  readonly key: string
  readonly text: string
  readonly format: (typeof FORMATS)[number]
  readonly seed: number
  readonly reference: (typeof REFERENCE_KINDS)[number]
  readonly receipts: Receipt[]
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

export function makeOrder({ random, withPoison, texts }: OrderChances): Order {
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T
  const chooseText = () => {
    const short = pick(texts ?? SHORT_TEXTS)
    const kind = random()
    if (withPoison && kind < 0.015) return `${short} With ${POISON}.`
    return texts === undefined && kind < 0.3 ? pick(LONG_TEXTS) : short
  }
  return {
    api: random() < 0.6 ? 'v1' : 'v2',
    key: randomUUID(),
    text: chooseText(),
    format: pick(FORMATS),
    seed: 1 + Math.floor(random() * 3),
    reference: random() < 0.05 ? 'broken' : pick(REFERENCE_KINDS.filter((name) => name !== 'broken')),
    receipts: [],
    toldEnds: [],
    outcome: 'open',
  }
}
