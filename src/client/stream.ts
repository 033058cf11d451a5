// Speech while it is made. It travels as server-sent events, because these have an end of their own: a connection that closes early, or a
// proxy that closes it politely, is never taken for the end.
import { ChatterboxError } from './chatterbox-error.ts'
import { type Checksum, createChecksum } from './checksum.ts'
import { type Connection, type Deadline, startDeadline } from './connection.ts'
import { bodyOf, MEDIA_TYPES, randomKey, type SpeechOptions, type StreamParameters } from './parameters.ts'
import { readEvents } from './server-sent-events.ts'
import { readHead, readJson, type SpeechHead } from './speech.ts'

/** What is known at the end of a stream. Money in US dollars, times in seconds. */
export interface StreamTotals {
  readonly request_id: string
  readonly seed: number
  readonly model: string
  readonly latency: 'normal' | 'low'
  readonly content_type: string
  readonly duration: number
  readonly sample_rate: number
  readonly cost: number
  readonly remaining_credits: number
  readonly timings: {
    readonly queue: number
    readonly first_audio: number
    readonly engine: number
    readonly total: number
    readonly real_time_factor: number
  }
}

/**
 * The file as it is made, first sound first, to be read once. Reading ends when all of it is there, and throws otherwise. Whoever stops
 * reading hangs up, and the work stops; paid is what was made.
 */
export interface SpeechStream extends SpeechHead, AsyncIterable<Uint8Array<ArrayBuffer>> {
  /** Set when all of it was read. */
  readonly totals: StreamTotals | undefined
}

export interface StreamDeps {
  readonly connection: Connection
  readonly path: string
  /** Default of `timeoutSeconds`: here the longest wait for the next sound. */
  readonly timeoutSeconds: number
}

type StreamEvent =
  | { readonly type: 'speech.audio.delta'; readonly audio: string }
  | ({ readonly type: 'speech.audio.done' } & StreamTotals)
  | {
      readonly type: 'error'
      readonly error: string
      readonly code: ChatterboxError['code']
      readonly request_id: string
    }

/** `unavailable`: a server that stops, or that has noticed a break before us. */
const IS_A_BREAK: readonly ChatterboxError['code'][] = ['broken_off', 'unavailable']
/** How often a stream that broke off is taken up again, where the server still has it. */
const MOST_RESUMPTIONS = 3

/** Returns with the first sound. Throws ChatterboxError as every call does. */
export async function openStream(
  { connection, path, timeoutSeconds: defaultSeconds }: StreamDeps,
  parameters: StreamParameters,
  { idempotencyKey = randomKey(), timeoutSeconds = defaultSeconds, ...options }: SpeechOptions,
): Promise<SpeechStream> {
  const { body, headers } = bodyOf({ ...parameters, stream: true, stream_format: 'sse' })
  const mediaType = MEDIA_TYPES[parameters.output_format ?? 'wav']
  const call = {
    method: 'POST',
    path,
    body,
    headers: { ...headers, 'idempotency-key': idempotencyKey },
    repeatable: true,
  } as const
  // The deadline of a call ends with its head; that of a stream is for each wait.
  const deadline = startDeadline(timeoutSeconds, options.signal)
  const open = () =>
    connection.call(
      call,
      { ...options, timeoutSeconds: Number.POSITIVE_INFINITY, signal: deadline.signal },
      async (response) => response,
    )
  try {
    const response = await open()
    const head = readHead(response, mediaType)
    const resume = () => resumeStream(connection, head, open, { ...options, signal: deadline.signal })
    const counted = { checksum: createChecksum(), givenBytes: 0, totals: undefined }
    const reading: Reading = { head, first: response, resume, deadline, ...counted }
    const bytes = readAll(reading)
    deadline.suspend()
    // Once somebody reads, it is theirs to cancel.
    deadline.signal.addEventListener('abort', () => void response.body?.cancel().catch(() => {}))
    return {
      ...head,
      get totals() {
        return reading.totals
      },
      [Symbol.asyncIterator]: () => bytes,
    }
  } catch (error) {
    deadline.end()
    throw error
  }
}

interface Reading {
  readonly head: SpeechHead
  readonly first: Response
  readonly resume: () => Promise<Response | undefined>
  readonly deadline: Deadline
  /** Of the bytes that are out. */
  readonly checksum: Checksum
  givenBytes: number
  totals: StreamTotals | undefined
}

async function* readAll(reading: Reading): AsyncGenerator<Uint8Array<ArrayBuffer>, void, void> {
  const { head, resume, deadline } = reading
  let response = reading.first
  deadline.restart()
  try {
    for (let resumptions = 0; reading.totals === undefined; resumptions++) {
      try {
        yield* readFresh(reading, response)
      } catch (error) {
        deadline.signal.throwIfAborted()
        if (error instanceof ChatterboxError && !IS_A_BREAK.includes(error.code)) throw error
        const resumed = resumptions < MOST_RESUMPTIONS ? await resume() : undefined
        if (!resumed) throw brokenOff(head, reading.givenBytes, error)
        response = resumed
      }
    }
  } finally {
    deadline.end()
  }
}

/** What of this answer is not out yet. Returns when `totals` are there; throws `broken_off` where the answer ends without them. */
async function* readFresh(reading: Reading, response: Response): AsyncGenerator<Uint8Array<ArrayBuffer>, void, void> {
  const { head, deadline } = reading
  const again = createChecksum()
  let skip = reading.givenBytes
  for await (const { data } of readEvents(bodyOfAnswer(response), deadline.signal)) {
    const event = data as StreamEvent
    deadline.suspend() // while the reader is busy with what it has
    if (event.type === 'error') throw brokenBy(event)
    if (event.type === 'speech.audio.done') {
      reading.totals = event
      return
    }
    const bytes = fromBase64(event.audio)
    const known = bytes.subarray(0, skip)
    again.add(known)
    skip -= known.length
    if (skip === 0 && known.length > 0 && again.value !== reading.checksum.value) throw otherBytes(head)
    const fresh = bytes.subarray(known.length)
    reading.checksum.add(fresh)
    reading.givenBytes += fresh.length
    if (fresh.length > 0) yield fresh
    deadline.restart()
  }
  throw brokenOff(head, reading.givenBytes)
}

/**
 * The same stream from its beginning, where that is certain to cost nothing: the server has not noticed that we were gone, or another one has
 * taken over. undefined: it has given the request up, and sending it again would be a new one. Throws what an aborted signal says.
 */
async function resumeStream(
  connection: Connection,
  { requestId }: SpeechHead,
  open: () => Promise<Response>,
  options: SpeechOptions,
): Promise<Response | undefined> {
  try {
    const path = `v2/requests/${requestId}/status`
    await connection.call({ method: 'GET', path, repeatable: true }, { ...options, timeoutSeconds: 30 }, readJson)
    const response = await open()
    if (response.headers.get('x-request-id') === requestId) return response
    await response.body?.cancel() // the request had ended in between, and a new one was made
  } catch (error) {
    if (!(error instanceof ChatterboxError)) throw error
  }
  return undefined
}

function bodyOfAnswer(response: Response): ReadableStream<Uint8Array> {
  if (response.body) return response.body
  throw new ChatterboxError('unexpected_answer', 'The answer has no body.', { status: response.status })
}

function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  const binary = atob(text)
  const bytes = new Uint8Array(binary.length)
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i)
  return bytes
}

const brokenBy = ({ code, error, request_id: requestId }: StreamEvent & { type: 'error' }): ChatterboxError =>
  new ChatterboxError(code, error, { status: 200, requestId })

const brokenOff = ({ requestId }: SpeechHead, bytes: number, cause?: unknown): ChatterboxError =>
  new ChatterboxError('broken_off', `The stream broke off after ${bytes} bytes; what was made of it is paid.`, {
    status: 200,
    requestId,
    cause,
  })

const otherBytes = ({ requestId }: SpeechHead): ChatterboxError =>
  new ChatterboxError('unexpected_answer', 'The stream was taken up again, and has become another one.', {
    status: 200,
    requestId,
  })
