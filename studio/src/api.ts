// The server as the studio sees it: the public API with the caller's key, nothing else. Types come from the contract. Paths are relative,
// so that the studio works behind a proxy that serves it below a prefix.
import type { Credits } from '../../src/contract/account.ts'
import type { ErrorBody } from '../../src/contract/errors.ts'
import type { OutputFormat } from '../../src/contract/speech.ts'
import type { StudioFacts, StudioSignIn } from '../../src/contract/studio.ts'

export const SPEAK_PATH = 'v1/chatterbox-turbo-tts'

/** What the server refused, in its words. */
export class Refusal extends Error {
  readonly status: number
  readonly code: string
  readonly param: string | undefined

  constructor(status: number, body: Partial<ErrorBody>) {
    super(body.error ?? `The server answered ${status}.`)
    this.status = status
    this.code = body.code ?? 'unknown'
    this.param = body.param
  }
}

export interface SpeakParameters {
  readonly temperature: number
  readonly top_p: number
  readonly top_k: number
  readonly min_p: number
  readonly repetition_penalty: number
  readonly seed: number
  readonly norm_loudness: boolean
}

export interface SpeakRequest extends SpeakParameters {
  readonly text: string
  /** A recording, the text of a reference (`voice:<id>`, a URL), or the server's own voice. */
  readonly reference: Blob | string | undefined
}

export interface Spoken {
  readonly requestId: string
  readonly audio: Blob
  readonly model: string
  readonly seed: number
  readonly costCredits: number
  readonly remainingCredits: number
  readonly engineSeconds: number
  readonly guards: readonly string[]
}

async function call(path: string, key: string | undefined, init: RequestInit = {}): Promise<Response> {
  const headers = new Headers(init.headers)
  if (key !== undefined) headers.set('x-api-key', key)
  const response = await fetch(new URL(path, document.baseURI), { ...init, headers }).catch((error: unknown) => {
    if (init.signal?.aborted) throw error
    throw new Refusal(0, { error: 'The server does not answer. Is it running?' })
  })
  if (response.ok) return response
  throw new Refusal(response.status, (await response.json().catch(() => ({}))) as Partial<ErrorBody>)
}

export const findFacts = async (): Promise<StudioFacts> => (await call('v1/studio', undefined)).json()

/** A key for whoever sits at the machine that the server runs on; refused everywhere else. */
export const signInHere = async (): Promise<StudioSignIn> =>
  (await call('v1/studio/sign-in', undefined, { method: 'POST' })).json()

export const findCredits = async (key: string): Promise<Credits> => (await call('v1/get-user-credits', key)).json()

let builtIn: Promise<Blob> | undefined
const builtInVoice = (): Promise<Blob> => {
  builtIn ??= call('studio/built-in-voice.wav', undefined).then((response) => response.blob())
  return builtIn
}

export async function speak(
  key: string,
  request: SpeakRequest,
  format: OutputFormat,
  signal: AbortSignal,
): Promise<Spoken> {
  const { reference, ...fields } = request
  const form = new FormData()
  for (const [name, value] of Object.entries(fields)) form.set(name, String(value))
  form.set('output_format', format)
  form.set('reference_audio', reference ?? (await builtInVoice()))
  const response = await call(SPEAK_PATH, key, { method: 'POST', body: form, signal })
  const header = (name: string): string => response.headers.get(name) ?? ''
  const metadata = JSON.parse(header('x-output-metadata') || '{}') as { guards?: string[] }
  return {
    requestId: header('x-request-id'),
    audio: await response.blob(),
    model: header('x-model'),
    seed: Number(header('x-seed-value')),
    costCredits: Number(header('x-cost')),
    remainingCredits: Number(header('x-remaining-credits')),
    engineSeconds: Number(header('x-generation-time')),
    guards: metadata.guards ?? [],
  }
}
