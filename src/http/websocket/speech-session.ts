// The utterances of one connection, spoken one after the other: each is a request of its own, with its hold, its charge and its id. Knows no
// protocol and no socket.
import { setTimeout as sleep } from 'node:timers/promises'
import { takeRequest } from '../../billing/rate-limit.ts'
import { AppError, describeError } from '../../errors.ts'
import { forgetOutput } from '../../jobs/outputs.ts'
import { newId } from '../../storage/ids.ts'
import type { OwnStream, SpeechRequest, StreamedPiece, StreamHead, StreamTotals } from '../../synthesis/speech.ts'
import { CallerGone } from '../caller-gone.ts'
import type { Authenticated } from '../request-state.ts'
import type { Services } from '../services.ts'

/** Text that waits for the text before it to be spoken, of one connection. */
const MOST_WAITING_CHARACTERS = 50_000

export interface Utterance {
  /** Counts from 0. */
  readonly index: number
  readonly text: string
  readonly requestId: string
}

/** Whoever shows what happens; nothing goes on before it has. */
export interface Listener {
  started(utterance: Utterance, head: StreamHead): Promise<void>
  audio(utterance: Utterance, bytes: Uint8Array): Promise<void>
  piece(utterance: Utterance, piece: StreamedPiece): Promise<void>
  ended(utterance: Utterance, head: StreamHead, totals: StreamTotals): Promise<void>
  cancelled(utterance: Utterance): Promise<void>
  failed(utterance: Utterance, error: AppError): Promise<void>
}

export interface SessionOptions {
  readonly services: Services
  readonly caller: Authenticated
  readonly requestOf: (text: string) => SpeechRequest
  readonly listener: Listener
  /** The caller's: from then on nothing is begun. */
  readonly gone: AbortSignal
}

class Cancelled extends Error {}

export class SpeechSession {
  readonly #options: SessionOptions
  #waiting: Utterance[] = []
  #count = 0
  #speaking: AbortController | undefined
  #work: Promise<void> = Promise.resolve()

  constructor(options: SessionOptions) {
    this.#options = options
  }

  /** Something is being spoken, or waits to be. */
  get isBusy(): boolean {
    return this.#speaking !== undefined || this.#waiting.length > 0
  }

  /** Speaks the text when what was said before is out. Throws AppError `overloaded`. */
  say(text: string): void {
    if (this.#options.gone.aborted) return
    const waiting = this.#waiting.reduce((total, utterance) => total + utterance.text.length, 0)
    if (waiting + text.length > MOST_WAITING_CHARACTERS) {
      const message = `More than ${MOST_WAITING_CHARACTERS.toLocaleString('en-US')} characters wait to be spoken.`
      throw new AppError('overloaded', message, { retryAfterSeconds: 1 })
    }
    this.#waiting.push({ index: this.#count++, text, requestId: newId() })
    if (this.#speaking) return
    this.#speaking = new AbortController()
    this.#work = this.#speakAll()
  }

  /** What is being spoken stops, what waits is never begun. */
  cancel(): void {
    for (const utterance of this.#waiting.splice(0)) void this.#options.listener.cancelled(utterance).catch(() => {})
    this.#speaking?.abort(new Cancelled())
  }

  /** Resolves when all is spoken. */
  async done(): Promise<void> {
    await this.#work
  }

  async #speakAll(): Promise<void> {
    for (let next = this.#waiting.shift(); next; next = this.#waiting.shift()) {
      const stop = new AbortController()
      this.#speaking = stop
      await this.#speak(next, stop.signal)
    }
    this.#speaking = undefined
  }

  /** Never rejects. */
  async #speak(utterance: Utterance, signal: AbortSignal): Promise<void> {
    const { services, caller, requestOf, listener } = this.#options
    const { log } = services
    const request = requestOf(utterance.text)
    try {
      await waitForRate(services, caller, signal)
      await services.speaker.stream(request, caller, utterance.requestId, signal, (stream) =>
        this.#deliver(utterance, stream),
      )
      if (request.retention === 'none') {
        await forgetOutput(services.db, services.blobs, utterance.requestId).catch((err) =>
          log.warn({ id: utterance.requestId, err }, 'an output that was sent stays until it expires'),
        )
      }
    } catch (error) {
      if (error instanceof Cancelled) return await listener.cancelled(utterance).catch(() => {})
      if (signal.aborted || error instanceof CallerGone) return // a send can fail before the connection is known to have ended
      const isOurs = !(error instanceof AppError) || error.code === 'internal'
      if (isOurs) log.error({ id: utterance.requestId, error: describeError(error) }, 'an utterance failed')
      await listener.failed(utterance, isOurs ? OUR_FAULT : error).catch(() => {})
    }
  }

  async #deliver(utterance: Utterance, { head, bytes, pieces }: OwnStream): Promise<void> {
    const { listener } = this.#options
    let shown = 0
    try {
      await listener.started(utterance, head)
      for (;;) {
        const next = await bytes.next()
        for (const piece of pieces.slice(shown)) await listener.piece(utterance, piece)
        shown = pieces.length
        if (next.done) return await listener.ended(utterance, head, next.value)
        await listener.audio(utterance, next.value)
      }
    } finally {
      await bytes.return(undefined as never)
    }
  }
}

const OUR_FAULT = new AppError(
  'internal',
  'Something went wrong on our side; the log has the cause under this request id.',
)

/** An utterance counts as a request of the key. Over the limit it waits for its turn: a speech would have a hole otherwise. */
async function waitForRate({ db, config }: Services, caller: Authenticated, signal: AbortSignal): Promise<void> {
  const perMinute = caller.rateLimitRpm ?? config.RATE_LIMIT_RPM
  if (perMinute === 0) return
  for (;;) {
    signal.throwIfAborted()
    const taken = await takeRequest(db, `speech:${caller.apiKeyId}`, perMinute)
    if (taken.allowed) return
    await sleep(taken.retryAfterSeconds * 1000, undefined, { signal }).catch(() => signal.throwIfAborted())
  }
}
