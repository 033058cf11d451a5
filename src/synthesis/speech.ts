// What a caller of synthesis asks for and what comes back, in the words of the domain: no HTTP, no JSON, no SQL.
import type { AudioFormat, Encoding } from '../audio/formats.ts'
import type { GuardFired, ModelName, Sampling, Voice } from '../engine/engine.ts'
import type { TextHandling } from '../engine/text/pieces.ts'
import type { Retention } from '../jobs/job.ts'
import type { ReferenceWarning } from './reference-warnings.ts'

export { DELIVERY_TAGS, SOUND_TAGS } from '../engine/text/tags.ts'

/** Where the reference recording comes from; reference-audio.ts turns it into bytes. */
export type ReferenceSource =
  /** As the caller wrote it: `https:` URL, `data:` URI, URL of an upload or an output, `voice:<id>`. */
  | {
      readonly kind: 'string'
      readonly value: string
      /** Whose stored voices and outputs it may name; without it, the built-in voices alone. */
      readonly accountId?: string
    }
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  /** The voice that came with the model, else the bundled recording; only where the setting DEFAULT_VOICE allows it. */
  | { readonly kind: 'default' }

export interface SpeechRequest {
  readonly text: string
  /** Default: `punctuation`. */
  readonly textHandling?: TextHandling | undefined
  /** A text in which nothing can be spoken becomes a moment of silence. Default: it is refused. */
  readonly wordless?: 'silence' | undefined
  readonly reference: ReferenceSource
  readonly sampling: Sampling
  /** 0 and −1 mean: pick one and report it. */
  readonly seed: number
  readonly normLoudness: boolean
  readonly format: AudioFormat
  /** Where the file is not the plain one of its format. */
  readonly encoding?: Encoding | undefined
  /** Of a stream: its first pieces are sent in parts, while they are still being spoken. Default: each when it is done. */
  readonly latency?: 'low' | undefined
  /** `none`: what was asked for is forgotten when the work is done. Default: `normal`. */
  readonly retention?: Retention | undefined
  /** Same key and hash: the same result and one charge, however often it is sent. */
  readonly idempotency?: { readonly key: string; readonly requestHash: string } | undefined
}

export type Latency = 'normal' | 'low'

export interface Caller {
  readonly accountId: string
  readonly apiKeyId: string
}

/** Where the time of a request went; travels with the result into headers, log and metrics. */
export interface Timings {
  /** From being submitted until the worker that has spoken it took it. */
  readonly queueSeconds: number
  readonly referenceSeconds: number
  readonly engineSeconds: number
  readonly totalSeconds: number
}

/** What had to be started before this speech could be made. */
export type ColdStart = 'none' | 'engine'

/** What is known of finished speech without its bytes; stored with the job. */
export interface SpeechFacts {
  readonly model: ModelName
  readonly seed: number
  readonly sampleRate: number
  readonly audioSeconds: number
  /** How long every piece is, in order; absent in results that are older than this. */
  readonly pieceSeconds?: readonly number[]
  readonly guards: readonly GuardFired[]
  /** What the recording of the voice has that the voice takes over; absent in results that are older than this. */
  readonly referenceWarnings?: readonly ReferenceWarning[]
  readonly timings: Timings
  readonly coldStart: ColdStart
}

/** Speech that is durable, charged and ready to be sent. */
export interface Speech extends SpeechFacts {
  readonly requestId: string
  readonly bytes: Uint8Array
  readonly mediaType: string
  readonly format: AudioFormat
  readonly costMicro: number
  readonly remainingMicro: number
  /** Names the output in its public URL; unguessable. */
  readonly outputToken: string
  readonly expiresAt: Date
  /** True when an earlier request with the same idempotency key made it. */
  readonly replayed: boolean
}

/** What is known of a stream when its first sound is there. */
export interface StreamHead {
  readonly requestId: string
  readonly mediaType: string
  readonly format: AudioFormat
  readonly model: ModelName
  readonly seed: number
  readonly sampleRate: number
  readonly latency: Latency
  readonly queueSeconds: number
  /** From the request to its first sound. */
  readonly firstAudioSeconds: number
  readonly replayed: boolean
}

/** A piece of a stream, when its bytes begin to be handed out. */
export interface StreamedPiece {
  readonly index: number
  /** As it was spoken; undefined where the text is no longer kept. */
  readonly text: string | undefined
  /** Its place in the audio. */
  readonly startSeconds: number
  /** undefined: it is still being spoken. */
  readonly seconds: number | undefined
}

/** What is known at its end: what was sent is durable and charged. */
export interface StreamTotals extends SpeechFacts {
  readonly costMicro: number
  readonly remainingMicro: number
}

export interface SpeechStream {
  readonly head: StreamHead
  /**
   * The file as it is made, first sound first; joined, it is that of `speak` but for sizes in its head. Returns when all of it is out and the
   * job is completed; throws when it is not, and then what was given out is not a whole file.
   */
  readonly bytes: AsyncGenerator<Uint8Array, StreamTotals, void>
}

/** A stream of a request's own. */
export interface OwnStream extends SpeechStream {
  /** The pieces that have begun; grows while `bytes` is read. */
  readonly pieces: readonly StreamedPiece[]
}

export interface Voices {
  /** Throws AppError `invalid_reference_audio` saying what is wrong with the recording or the voice file. */
  find(reference: ReferenceSource, normLoudness: boolean, signal: AbortSignal): Promise<Voice>
}

export interface Speaker {
  /**
   * As `speak`, but hands the file to `deliver` while it is made, paid by the piece. The request is in flight until `deliver` has ended. When
   * that throws, or has not taken all of the stream, work stops; charged are the pieces that were made. What is thrown before `deliver` is
   * called is as in `speak`; where the job outlives a deadline, that holds for each wait for a piece.
   */
  stream(
    request: SpeechRequest,
    caller: Caller,
    requestId: string,
    signal: AbortSignal,
    deliver: (stream: OwnStream) => Promise<void>,
  ): Promise<void>
  /**
   * Has `request` spoken for `caller`: holds its price, waits until a worker has spoken, stored and charged it, and only then returns.
   * `requestId` is the job's id, 32 lower-case hex digits. `signal` means that the caller is gone: work stops and nothing is charged.
   * Throws AppError: insufficient_credits, invalid_reference_audio, invalid_parameter, overloaded, unavailable (also when no worker
   * came before the deadline), timeout (the job goes on and can be fetched by the id that the error names, else by its own),
   * idempotency_conflict.
   */
  speak(request: SpeechRequest, caller: Caller, requestId: string, signal: AbortSignal): Promise<Speech>
}
