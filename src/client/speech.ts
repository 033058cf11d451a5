// A whole answer of speech: bytes, and what the headers say of them.
import { ChatterboxError } from './chatterbox-error.ts'

/** What every answer of speech says of itself before its first byte. */
export interface SpeechHead {
  readonly requestId: string
  /** The one really used. */
  readonly seed: number
  /** `turbo`, `nano`, or `preview`, the embedded stand-in. */
  readonly model: string
  readonly mediaType: string
  /** An earlier request with the same idempotency key made it, and paid for it. */
  readonly replayed: boolean
  /** Names that the server does not know. */
  readonly ignoredParameters: readonly string[]
}

export interface Speech extends SpeechHead {
  readonly bytes: Uint8Array<ArrayBuffer>
  /** US dollars. */
  readonly cost: number
  readonly remainingCredits: number
  readonly audioSeconds: number
  readonly sampleRate: number
  /** What changed the outcome, e.g. `token-cap`. */
  readonly guards: readonly string[]
  /** What could be better about the recording of the voice: `noisy`, `clipped`. */
  readonly referenceWarnings: readonly string[]
  readonly generationSeconds: number
  readonly coldStart: boolean
  /** Where the time went, in milliseconds: `queue`, `reference`, `engine`, `total`. */
  readonly timingsMs: Readonly<Record<string, number>>
}

interface OutputMetadata {
  readonly duration: number
  readonly sample_rate: number
  readonly guards: readonly string[]
  readonly reference_warnings: readonly string[]
}

/** `mediaType`: of the audio, where the answer is not the audio itself. Throws `unexpected_answer` where it is none of our server's. */
export function readHead({ headers, status }: Response, mediaType?: string): SpeechHead {
  const requestId = headers.get('x-request-id')
  const seed = headers.get('x-seed-value')
  const model = headers.get('x-model')
  if (requestId === null || seed === null || model === null) {
    throw new ChatterboxError('unexpected_answer', 'The answer lacks the headers of speech.', { status })
  }
  return {
    requestId,
    seed: Number(seed),
    model,
    mediaType: mediaType ?? headers.get('content-type') ?? '',
    replayed: headers.get('idempotent-replayed') === 'true',
    ignoredParameters: (headers.get('x-ignored-parameters') ?? '').split(', ').filter(Boolean).map(decodeURIComponent),
  }
}

export async function readSpeech(response: Response): Promise<Speech> {
  const head = readHead(response)
  const { headers } = response
  const metadata = JSON.parse(headers.get('x-output-metadata') ?? '{}') as OutputMetadata
  return {
    ...head,
    bytes: await readBytes(response),
    cost: Number(headers.get('x-cost')),
    remainingCredits: Number(headers.get('x-remaining-credits')),
    audioSeconds: metadata.duration,
    sampleRate: metadata.sample_rate,
    guards: metadata.guards,
    referenceWarnings: metadata.reference_warnings,
    generationSeconds: Number(headers.get('x-generation-time')),
    coldStart: headers.get('x-cold-start') === 'engine',
    timingsMs: readTimings(headers.get('server-timing')),
  }
}

export const readBytes = async (response: Response): Promise<Uint8Array<ArrayBuffer>> =>
  new Uint8Array(await response.arrayBuffer())

export const readJson = async <T>(response: Response): Promise<T> => (await response.json()) as T

/** Of the URL of an output below the base URL: whatever the public name of the server is, the output is there. */
export const outputPath = (output: string): string => new URL(output).pathname.replace(/^.*\/outputs\//, 'outputs/')

const readTimings = (header: string | null): Record<string, number> =>
  Object.fromEntries([...(header ?? '').matchAll(/(\w+);dur=([\d.]+)/g)].map(([, name, ms]) => [name, Number(ms)]))
