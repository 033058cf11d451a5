// The API as functions, for browsers and Node. Its types are those of the contract; it needs nothing but fetch.
import type { Credits } from '../contract/account.ts'
import type { MODEL_SLUG } from '../contract/models.ts'
import type { Provenance } from '../contract/provenance.ts'
import type { Uploaded } from '../contract/uploads.ts'
import type { UsageReport } from '../contract/usage.ts'
import { type CallOptions, createConnection } from './connection.ts'
import {
  blobOf,
  bodyOf,
  randomKey,
  type SpeechOptions,
  type SpeechParameters,
  type StreamParameters,
  type UsageQuery,
} from './parameters.ts'
import { createPieces, type Pieces } from './pieces.ts'
import { createRequests, type Requests } from './requests.ts'
import { readJson, readSpeech, type Speech } from './speech.ts'
import { openStream, type SpeechStream } from './stream.ts'
import { createVoices, type Voices } from './voices.ts'

export { ChatterboxError, type ChatterboxErrorCode } from './chatterbox-error.ts'
export type { CallOptions } from './connection.ts'
export type {
  AsyncSpeechParameters,
  NewVoice,
  SpeechOptions,
  SpeechParameters,
  StreamParameters,
  UsageQuery,
  VoiceChanges,
} from './parameters.ts'
export type { Pieces, RegenerateOptions, RequestEvent } from './pieces.ts'
export type { PollOptions, Requests, RunOptions, RunResult, WaitOptions } from './requests.ts'
export type { Speech, SpeechHead } from './speech.ts'
export type { SpeechStream, StreamTotals } from './stream.ts'
export type { VoiceFile, VoicePage, Voices } from './voices.ts'
export type { Credits, Provenance, Uploaded, UsageReport }

export interface ClientOptions {
  /** Of the server, e.g. `http://127.0.0.1:8080`; may have a path. */
  readonly baseUrl: string
  readonly apiKey: string
  /** Of each call, its retries included; of a stream, the longest wait for the next sound. Default: 130, a little more than the server's own. */
  readonly timeoutSeconds?: number | undefined
  /** Further tries of a call that can be repeated. Default: 3. */
  readonly retries?: number | undefined
  /** In place of the global one. */
  readonly fetch?: typeof fetch | undefined
}

export interface Client extends Requests {
  /** The whole audio, once it is made and charged. An aborted signal stops the work, and nothing is charged. */
  speak(parameters: SpeechParameters, options?: SpeechOptions): Promise<Speech>
  /** The audio while it is made, from the first sound on; charged by the piece. */
  stream(parameters: StreamParameters, options?: SpeechOptions): Promise<SpeechStream>
  /** Stores recordings ahead, up to 16, and gets URLs to name them by. Not repeated after a failure. */
  upload(files: readonly (Blob | Uint8Array<ArrayBuffer>)[], options?: CallOptions): Promise<Uploaded>
  readonly pieces: Pieces
  readonly voices: Voices
  credits(options?: CallOptions): Promise<Credits>
  usage(query?: UsageQuery, options?: CallOptions): Promise<UsageReport>
  /** Whether a file was made by this server. */
  provenance(file: Blob | Uint8Array<ArrayBuffer>, options?: CallOptions): Promise<Provenance>
}

const SLUG: typeof MODEL_SLUG = 'chatterbox-turbo-tts'
const SPEAK_PATH = `v1/${SLUG}`
const SUBMIT_PATH = `v2/${SLUG}`
const TIMEOUT_SECONDS = 130
const RETRIES = 3

/** A client of the server at `baseUrl`. It opens nothing and needs no closing. */
export function createClient(options: ClientOptions): Client {
  const { baseUrl, apiKey, timeoutSeconds = TIMEOUT_SECONDS, retries = RETRIES } = options
  const connection = createConnection({ baseUrl, apiKey, timeoutSeconds, retries, fetch: options.fetch ?? fetch })
  const get = <T>(path: string, callOptions: CallOptions, query = {}) =>
    connection.call({ method: 'GET', path, query, repeatable: true }, callOptions, readJson<T>)
  const post = <T>(path: string, body: FormData, repeatable: boolean, callOptions: CallOptions) =>
    connection.call({ method: 'POST', path, body, repeatable }, callOptions, readJson<T>)
  return {
    ...createRequests(connection, SUBMIT_PATH),
    pieces: createPieces(connection),
    voices: createVoices(connection),
    speak(parameters, { idempotencyKey = randomKey(), ...callOptions } = {}) {
      const { body, headers } = bodyOf(parameters)
      const named = { ...headers, 'idempotency-key': idempotencyKey }
      const call = { method: 'POST', path: SPEAK_PATH, body, headers: named, repeatable: true } as const
      return connection.call(call, callOptions, readSpeech)
    },
    stream: (parameters, callOptions = {}) =>
      openStream({ connection, path: SPEAK_PATH, timeoutSeconds }, parameters, callOptions),
    upload: (files, callOptions = {}) => post('v1/upload-asset', formOf('file', files), false, callOptions),
    credits: (callOptions = {}) => get('v1/get-user-credits', callOptions),
    usage: (query = {}, callOptions = {}) => get('v1/usage', callOptions, query),
    provenance: (file, callOptions = {}) => post('v1/provenance', formOf('file', [file]), true, callOptions),
  }
}

function formOf(name: string, files: readonly (Blob | Uint8Array<ArrayBuffer>)[]): FormData {
  const form = new FormData()
  for (const file of files) form.append(name, blobOf(file))
  return form
}
