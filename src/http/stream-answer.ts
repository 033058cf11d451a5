// Speech that is sent while it is made: chunks of the file with its accounts in trailers, or server-sent events.
import { Readable } from 'node:stream'
import { finished } from 'node:stream/promises'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { creditsFromMicro, formatCredits } from '../billing/prices.ts'
import { AppError, describeError, type ErrorCode, invariant } from '../errors.ts'
import type { SpeechRequest, SpeechStream, StreamHead, StreamTotals } from '../synthesis/speech.ts'
import { CallerGone, watchCaller } from './caller-gone.ts'
import { forgetWhenSent } from './forget-when-sent.ts'
import { keepAlive } from './keep-alive.ts'
import type { Services } from './services.ts'
import { inferenceSeconds, roundToMillisecond, setIgnoredParameters } from './speech-answer.ts'

/** How an error looks in the event that ends a broken stream. */
export type DescribeError = (error: { readonly message: string; readonly code: ErrorCode }) => object

export interface StreamAnswer {
  readonly asEvents: boolean
  /** Names of parameters that were ignored. */
  readonly ignored: readonly string[]
  readonly describeError: DescribeError
}

const OUR_FAULT = 'Something went wrong on our side; the log has the cause under this request id.'

/** Has `wanted` spoken and sends it as it is made. Throws what could not be begun; what breaks off later is in the log. */
export async function answerStream(
  services: Pick<Services, 'speaker' | 'db' | 'blobs' | 'log'>,
  request: FastifyRequest,
  reply: FastifyReply,
  wanted: SpeechRequest,
  answer: StreamAnswer,
): Promise<FastifyReply> {
  const { caller } = request
  invariant(caller, 'speaking needs a caller')
  using watch = watchCaller(reply)
  let begun = false
  try {
    await services.speaker.stream(wanted, caller, request.id, watch.signal, async (stream) => {
      begun = true
      if (wanted.retention === 'none') forgetWhenSent(services, request, reply, stream.head.requestId)
      await sendStream(request, reply, stream, answer)
    })
  } catch (error) {
    if (!begun) throw error
    if (watch.signal.aborted) request.failureCode = 'caller_gone'
    else request.log.warn({ error: describeError(error) }, 'a stream broke off')
    reply.raw.destroy()
  }
  return reply
}

/**
 * Sends the stream and ends with it: when the last byte is on its way, or by throwing what has broken it. Nothing of it is taken faster than
 * the caller reads. After the first byte an error can no longer be answered: the connection is broken off, so that no client takes the part
 * for the whole; events end with one that says so.
 */
export async function sendStream(
  request: FastifyRequest,
  reply: FastifyReply,
  stream: SpeechStream,
  { asEvents, ignored, describeError: describe }: StreamAnswer,
): Promise<void> {
  const { head } = stream
  setHeaders(reply, head, ignored)
  let totals: StreamTotals | undefined
  let failure: unknown
  const note = (error: unknown): AppError => {
    const shown = error instanceof AppError && error.code !== 'internal' ? error : new AppError('internal', OUR_FAULT)
    if (error instanceof CallerGone) return shown
    failure = error
    request.failureCode = shown.code
    return shown
  }
  async function* bytes(): AsyncGenerator<Uint8Array, void, void> {
    try {
      let next = await stream.bytes.next()
      for (; !next.done; next = await stream.bytes.next()) yield next.value
      totals = next.value
      request.timings = totals.timings
    } finally {
      await stream.bytes.return(undefined as never)
    }
  }
  async function* unlessBroken(): AsyncGenerator<Uint8Array, void, void> {
    try {
      yield* bytes()
    } catch (error) {
      note(error)
      // Where there are no chunks, the end of the connection is the end of the file.
      if (request.raw.httpVersionMajor === 1 && request.raw.httpVersionMinor === 0) reply.raw.socket?.resetAndDestroy()
      throw error
    }
  }
  async function* events(): AsyncGenerator<string, void, void> {
    try {
      for await (const part of bytes()) {
        yield toEvent({ type: 'speech.audio.delta', audio: Buffer.from(part).toString('base64') })
      }
      if (totals) yield toEvent(describeDone(head, totals))
    } catch (error) {
      if (error instanceof CallerGone) throw error
      yield toEvent({ type: 'error', ...describe(note(error)), request_id: head.requestId })
    }
  }
  if (asEvents) reply.header('content-type', 'text/event-stream; charset=utf-8').header('x-accel-buffering', 'no')
  else addTrailers(reply, () => totals)
  const sent = finished(reply.raw)
  reply.send(Readable.from(asEvents ? keepAlive(events()) : unlessBroken(), { objectMode: false, highWaterMark: 1 }))
  try {
    await sent
  } catch (error) {
    throw failure ?? error
  }
  if (failure !== undefined) throw failure
}

interface Event extends Readonly<Record<string, unknown>> {
  readonly type: string
}

const toEvent = (data: Event): string => `event: ${data.type}\ndata: ${JSON.stringify(data)}\n\n`

function setHeaders(reply: FastifyReply, head: StreamHead, ignored: readonly string[]): void {
  reply.headers({
    'x-request-id': head.requestId,
    'x-seed-value': head.seed,
    'x-model': head.model,
    'x-latency': head.latency,
    'server-timing': `queue;dur=${toMs(head.queueSeconds)}, first;dur=${toMs(head.firstAudioSeconds)}`,
    'content-type': head.mediaType,
    'content-disposition': `inline; filename="${head.requestId}.${head.format}"`,
    'cache-control': 'no-store',
  })
  if (head.replayed) reply.header('idempotent-replayed', 'true')
  setIgnoredParameters(reply, ignored)
}

const toMs = (seconds: number): string => (seconds * 1000).toFixed(1)

/** What only the end can tell. */
function addTrailers(reply: FastifyReply, findTotals: () => StreamTotals | undefined): void {
  const trailers: Record<string, (totals: StreamTotals) => string> = {
    'x-cost': ({ costMicro }) => formatCredits(costMicro),
    'x-remaining-credits': ({ remainingMicro }) => formatCredits(remainingMicro),
    'x-audio-duration': ({ audioSeconds }) => String(roundToMillisecond(audioSeconds)),
    'x-generation-time': ({ timings }) => String(inferenceSeconds(timings)),
  }
  for (const [name, describe] of Object.entries(trailers)) {
    reply.trailer(name, async () => {
      const totals = findTotals()
      return totals ? describe(totals) : ''
    })
  }
}

function describeDone(head: StreamHead, totals: StreamTotals): Event {
  const { timings } = totals
  const details = {
    request_id: head.requestId,
    seed: head.seed,
    model: head.model,
    latency: head.latency,
    content_type: head.mediaType,
    duration: roundToMillisecond(totals.audioSeconds),
    sample_rate: totals.sampleRate,
    cost: creditsFromMicro(totals.costMicro),
    remaining_credits: creditsFromMicro(totals.remainingMicro),
    timings: {
      queue: roundToMillisecond(timings.queueSeconds),
      first_audio: roundToMillisecond(head.firstAudioSeconds),
      engine: roundToMillisecond(timings.engineSeconds),
      total: roundToMillisecond(timings.totalSeconds),
      real_time_factor: roundToMillisecond(timings.engineSeconds / totals.audioSeconds),
    },
  }
  // Clients of OpenAI's look for tokens; ours are none, and speech is paid by the character.
  const usage = { input_tokens: 0, output_tokens: 0, total_tokens: 0 }
  return { type: 'speech.audio.done', usage, ...details }
}
