// The server as the studio sees it: the public API with the caller's key, nothing else. Types come from the contract. Paths are relative,
// so that the studio works behind a proxy that serves it below a prefix.
import type { Credits } from '../../src/contract/account.ts'
import type { ErrorBody } from '../../src/contract/errors.ts'
import type { PieceList } from '../../src/contract/long-text.ts'
import type { Cancellation, CompletedRequest, PendingRequest, SubmittedRequest } from '../../src/contract/requests.ts'
import type { StudioFacts, StudioSignIn } from '../../src/contract/studio.ts'
import type { UsageReport } from '../../src/contract/usage.ts'
import type { VoiceBody, VoiceListBody } from '../../src/contract/voices.ts'

export const SPEAK_PATH = 'v1/chatterbox-turbo-tts'
export const SUBMIT_PATH = 'v2/chatterbox-turbo-tts'

/** What the server refused, in its words. */
export class Refusal extends Error {
  /** 0: there was no answer at all. */
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

/** Whether asking again, later, may help: nobody answered, or the one who did (a proxy, a server that stops) cannot serve now. */
export const isPassing = (error: unknown): boolean =>
  error instanceof Refusal && [0, 429, 502, 503, 504].includes(error.status)

export interface SpeakParameters {
  readonly temperature: number
  readonly top_p: number
  readonly top_k: number
  readonly min_p: number
  readonly repetition_penalty: number
  readonly seed: number
  readonly norm_loudness: boolean
  readonly latency: 'normal' | 'low'
}

export interface SpeakRequest extends SpeakParameters {
  readonly text: string
  /** A recording, or the name of a voice that the server has: `voice:<id>`. */
  readonly reference: Blob | string
}

/** Throws Refusal. */
export async function call(path: string, key: string | undefined, init: RequestInit = {}): Promise<Response> {
  const headers = new Headers(init.headers)
  if (key !== undefined) headers.set('x-api-key', key)
  const response = await fetch(new URL(path, document.baseURI), { ...init, headers }).catch((error: unknown) => {
    if (init.signal?.aborted) throw error
    throw new Refusal(0, { error: 'The server does not answer.' })
  })
  if (response.ok) return response
  throw new Refusal(response.status, (await response.json().catch(() => ({}))) as Partial<ErrorBody>)
}

export const findFacts = async (): Promise<StudioFacts> => (await call('v1/studio', undefined)).json()

/** A key for whoever sits at the machine that the server runs on; refused everywhere else. */
export const signInHere = async (): Promise<StudioSignIn> =>
  (await call('v1/studio/sign-in', undefined, { method: 'POST' })).json()

export const findCredits = async (key: string): Promise<Credits> => (await call('v1/get-user-credits', key)).json()

export const findUsage = async (key: string, from: string, groupBy: 'day' | 'key' | 'model'): Promise<UsageReport> =>
  (await call(`v1/usage?from=${from}&group_by=${groupBy}`, key)).json()

/** The same `submission` twice is one request, charged once. */
export async function submitSpeech(key: string, submission: string, request: SpeakRequest): Promise<SubmittedRequest> {
  const { reference, ...fields } = request
  const form = new FormData()
  for (const [name, value] of Object.entries(fields)) form.set(name, String(value))
  form.set('output_format', 'wav')
  form.set('reference_audio', reference)
  const headers = { 'idempotency-key': submission }
  return (await call(SUBMIT_PATH, key, { method: 'POST', body: form, headers })).json()
}

/** How far a request is, at the latest after `waitSeconds`. Throws Refusal with what it failed of. */
export const findRequest = async (
  key: string,
  id: string,
  waitSeconds: number,
): Promise<CompletedRequest | PendingRequest> => (await call(`v2/requests/${id}?wait=${waitSeconds}`, key)).json()

export const cancelRequest = async (key: string, id: string): Promise<Cancellation> =>
  (await call(`v2/requests/${id}`, key, { method: 'DELETE' })).json()

/** Its URL is as the server is called from outside; the studio fetches it from where it came from itself. */
export const fetchOutput = async ({ output }: CompletedRequest): Promise<Blob> =>
  (await call(`outputs/${output.split('/').at(-1)}`, undefined)).blob()

/** The audio of a finished request in any format; free. Throws Refusal when the server keeps it no longer. */
export const fetchAudio = async (key: string, id: string, format: string): Promise<Blob> =>
  (await call(`v2/requests/${id}/audio?format=${format}`, key)).blob()

export const listPieces = async (key: string, id: string): Promise<PieceList> =>
  (await call(`v2/requests/${id}/pieces`, key)).json()

/** A new request: the old one with another reading of one piece. The same `submission` twice is one request, charged once. */
export async function regeneratePiece(
  key: string,
  submission: string,
  id: string,
  index: number,
): Promise<SubmittedRequest> {
  const headers = { 'idempotency-key': submission, 'content-type': 'application/json' }
  const init = { method: 'POST', body: '{}', headers }
  return (await call(`v2/requests/${id}/pieces/${index}/regenerate`, key, init)).json()
}

export const fetchTimings = async (key: string, id: string, format: 'srt' | 'vtt'): Promise<Blob> =>
  (await call(`v2/requests/${id}/timings?format=${format}`, key)).blob()

/** As fetchOutput(): from where the studio came from. */
export const fetchPiece = async (url: string): Promise<Blob> =>
  (await call(url.slice(url.lastIndexOf('/outputs/') + 1), undefined)).blob()

/** The first hundred. */
export const listVoices = async (key: string): Promise<VoiceListBody> => (await call('v1/voices?limit=100', key)).json()

/** Only with the consent of who is heard. Throws Refusal where the recording cannot be cloned. */
export async function createVoice(key: string, name: string, audio: Blob): Promise<VoiceBody> {
  const form = new FormData()
  form.set('name', name)
  form.set('consent', 'true')
  form.set('reference_audio', audio)
  return (await call('v1/voices', key, { method: 'POST', body: form })).json()
}

export const renameVoice = async (key: string, id: string, name: string): Promise<VoiceBody> => {
  const init = { method: 'PATCH', body: JSON.stringify({ name }), headers: { 'content-type': 'application/json' } }
  return (await call(`v1/voices/${id}`, key, init)).json()
}

export const deleteVoice = (key: string, id: string) => call(`v1/voices/${id}`, key, { method: 'DELETE' })
export const fetchVoicePreview = async (key: string, id: string): Promise<Blob> =>
  (await call(`v1/voices/${id}/preview`, key)).blob()
