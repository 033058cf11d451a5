// A request piece by piece: followed while it is spoken, heard, one piece spoken again, and where in time each is.
import type {
  DoneEvent,
  PieceDescription,
  PieceEvent,
  PieceList,
  StatusEvent,
  TimingsAnswer,
} from '../contract/long-text.ts'
import type { SubmittedRequest } from '../contract/requests.ts'
import { ChatterboxError } from './chatterbox-error.ts'
import { type CallOptions, type Connection, startDeadline } from './connection.ts'
import { bodyOf, randomKey, type SpeechOptions } from './parameters.ts'
import { readEvents, type ServerSentEvent } from './server-sent-events.ts'
import { outputPath, readBytes, readJson } from './speech.ts'

/** The last one is `done`, with what the request has come to. */
export type RequestEvent =
  | ({ readonly event: 'status' } & StatusEvent)
  | ({ readonly event: 'piece' } & PieceEvent)
  | ({ readonly event: 'done' } & DoneEvent)

export interface RegenerateOptions extends SpeechOptions {
  /** Default: a random one. */
  readonly seed?: number | undefined
}

export interface Pieces {
  /** Tells what happens until the request has ended: every piece once, also over connections that break. Leaving it stops nothing. */
  follow(requestId: string, options?: CallOptions): AsyncGenerator<RequestEvent, void, void>
  list(requestId: string, options?: CallOptions): Promise<PieceList>
  /** A new request: the same audio, but for this piece with another seed. To be waited for. */
  regenerate(requestId: string, index: number, options?: RegenerateOptions): Promise<SubmittedRequest>
  /** The audio of one piece, WAV. */
  download(piece: Pick<PieceDescription, 'audio_url'>, options?: CallOptions): Promise<Uint8Array<ArrayBuffer>>
  /** When what is said, once the request has completed. */
  timings(requestId: string, options?: CallOptions): Promise<TimingsAnswer>
  /** The same as a file of subtitles. */
  subtitles(requestId: string, format: 'srt' | 'vtt', options?: CallOptions): Promise<string>
}

/** The server says something every 15 s. */
const SILENCE_SECONDS = 45
/** Connections in a row that bring nothing new. */
const MOST_BREAKS = 3

export function createPieces(connection: Connection): Pieces {
  const pathOf = (id: string, what: string) => `v2/requests/${encodeURIComponent(id)}/${what}`
  const get = { method: 'GET', repeatable: true } as const
  return {
    follow: (id, options = {}) => follow(connection, pathOf(id, 'events'), options),
    list: (id, options = {}) => connection.call({ ...get, path: pathOf(id, 'pieces') }, options, readJson<PieceList>),
    regenerate(id, index, { seed, idempotencyKey = randomKey(), ...options } = {}) {
      const { body, headers } = bodyOf({ seed })
      const path = pathOf(id, `pieces/${index}/regenerate`)
      const named = { ...headers, 'idempotency-key': idempotencyKey }
      const call = { method: 'POST', path, body, headers: named, repeatable: true } as const
      return connection.call(call, options, readJson<SubmittedRequest>)
    },
    async download({ audio_url: url }, options = {}) {
      if (url === undefined) throw new ChatterboxError('not_found', 'This piece has no audio of its own, or not yet.')
      return connection.call({ ...get, path: outputPath(url) }, options, readBytes)
    },
    timings: (id, options = {}) =>
      connection.call({ ...get, path: pathOf(id, 'timings') }, options, readJson<TimingsAnswer>),
    subtitles: (id, format, options = {}) =>
      connection.call({ ...get, path: pathOf(id, 'timings'), query: { format } }, options, (answer) => answer.text()),
  }
}

async function* follow(
  connection: Connection,
  path: string,
  { signal, ...options }: CallOptions,
): AsyncGenerator<RequestEvent, void, void> {
  let lastId: string | undefined
  for (let breaks = 0; breaks < MOST_BREAKS; breaks++) {
    for await (const { name, id, data } of listen(connection, path, lastId, { ...options, signal })) {
      if (id !== undefined) [lastId, breaks] = [id, 0]
      yield { event: name, ...(data as object) } as RequestEvent
      if (name === 'done') return
    }
  }
  throw new ChatterboxError('broken_off', 'The connection breaks again and again; the request goes on.')
}

/** What one connection tells. Returns where it breaks; throws what the server refuses and what an aborted signal says. */
async function* listen(
  connection: Connection,
  path: string,
  lastId: string | undefined,
  { signal, ...options }: CallOptions,
): AsyncGenerator<ServerSentEvent, void, void> {
  const headers: Record<string, string> = lastId === undefined ? {} : { 'last-event-id': lastId }
  const call = { method: 'GET', path, headers, repeatable: true } as const
  const response = await connection.call(call, { ...options, signal }, async (answer) => answer)
  if (!response.body) return
  const deadline = startDeadline(SILENCE_SECONDS, signal)
  try {
    for await (const event of readEvents(response.body, deadline.signal, deadline.restart)) {
      deadline.suspend() // while it is in somebody's hands
      yield event
      deadline.restart()
    }
  } catch {
    signal?.throwIfAborted()
  } finally {
    deadline.end()
  }
}
