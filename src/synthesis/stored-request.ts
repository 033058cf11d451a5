// A request as its job keeps it: all that a worker needs to speak it, on whatever machine and however often.
import { AUDIO_FORMATS, type AudioFormat, type Encoding } from '../audio/formats.ts'
import type { Sampling } from '../engine/engine.ts'
import type { TextHandling } from '../engine/text/pieces.ts'
import { AppError, type ErrorCode, invariant } from '../errors.ts'
import type { SpeechRequest } from './speech.ts'

/** A piece of the text as it was cut when the request came: no later version cuts it differently. */
export interface StoredPieceText {
  readonly text: string
  /** Where it is not that of the request. */
  readonly seed?: number
}

export interface StoredRequest {
  readonly text: string
  readonly textHandling?: TextHandling | undefined
  readonly wordless?: 'silence' | undefined
  /** As the caller wrote it; none where the recording came with the request and is a blob, or where there is none at all. */
  readonly reference?: string
  readonly sampling: Sampling
  /** Chosen already: a second attempt says the same. */
  readonly seed: number
  readonly normLoudness: boolean
  readonly format: AudioFormat
  readonly encoding?: Encoding
  readonly latency?: 'low'
  /** Of asynchronous requests. */
  readonly pieces?: readonly StoredPieceText[]
  /** The job that all pieces but one are taken from. */
  readonly derivedFrom?: string
}

/** `hasInput`: the recording is kept beside the request, as a blob. `seed` is neither 0 nor −1. */
export function storeRequest(
  request: SpeechRequest,
  seed: number,
  hasInput: boolean,
  pieces?: readonly StoredPieceText[],
): StoredRequest {
  const { text, textHandling, wordless, reference, sampling, normLoudness, format, encoding, latency } = request
  return {
    text,
    ...(textHandling ? { textHandling } : {}),
    ...(wordless ? { wordless } : {}),
    ...(reference.kind === 'string' && !hasInput ? { reference: reference.value } : {}),
    sampling,
    seed,
    normLoudness,
    format,
    ...(encoding ? { encoding } : {}),
    ...(latency ? { latency } : {}),
    ...(pieces ? { pieces } : {}),
  }
}

/** What was wrong with a request whose validation was put off to its run. */
interface StoredRefusal {
  readonly refusal: { readonly code: ErrorCode; readonly message: string; readonly param: string | undefined }
}

export function storeRefusal({ code, message, param }: AppError): StoredRefusal {
  return { refusal: { code, message, param } }
}

/** The request of a job that has not ended. Throws the AppError of one that was refused. */
export function readStoredRequest(stored: unknown): StoredRequest {
  const { refusal } = stored as Partial<StoredRefusal>
  if (refusal)
    throw new AppError(refusal.code, refusal.message, refusal.param === undefined ? {} : { param: refusal.param })
  const request = stored as StoredRequest
  invariant(
    typeof request.text === 'string' && AUDIO_FORMATS.includes(request.format) && Number.isSafeInteger(request.seed),
    'a job holds a request that nobody can speak',
  )
  return request
}
