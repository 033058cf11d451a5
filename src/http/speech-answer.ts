// Finished speech → response headers and the JSON description that v1 and polls share.
import type { FastifyReply } from 'fastify'
import { creditsFromMicro, formatCredits } from '../billing/prices.ts'
import type { CompletedRequest } from '../contract/requests.ts'
import { extensionOf } from '../contract/speech.ts'
import type { Speech, Timings } from '../synthesis/speech.ts'

const MAX_IGNORED_NAMES = 20
const MAX_IGNORED_NAME_LENGTH = 64

export interface FinishedSpeech {
  readonly requestId: string
  readonly outputToken: string
  readonly mediaType: string
  readonly byteLength: number
  readonly seed: number
  readonly model: string
  readonly costMicro: number
  readonly remainingMicro: number | undefined
  readonly timings: Timings
  readonly expiresAt: Date
}

/** Where an output is downloaded. */
export const outputUrl = (
  { token, mediaType }: { readonly token: string; readonly mediaType: string },
  publicBase: string,
): string => `${publicBase}/outputs/${token}.${extensionOf(mediaType) ?? 'bin'}`

/** `publicBase` is the base of the output's URL. */
export function describeFinished(speech: FinishedSpeech, publicBase: string): CompletedRequest {
  const extension = extensionOf(speech.mediaType) ?? 'bin'
  const url = outputUrl({ token: speech.outputToken, mediaType: speech.mediaType }, publicBase)
  return {
    status: 'COMPLETED',
    request_id: speech.requestId,
    error: null,
    output: url,
    audio: {
      url,
      content_type: speech.mediaType,
      file_name: `${speech.requestId}.${extension}`,
      file_size: String(speech.byteLength),
    },
    seed: String(speech.seed),
    model: speech.model,
    metrics: {
      inference_time: inferenceSeconds(speech.timings),
      queue_time: roundToMillisecond(speech.timings.queueSeconds),
      total_time: roundToMillisecond(speech.timings.totalSeconds),
      cost: creditsFromMicro(speech.costMicro),
      ...(speech.remainingMicro === undefined ? {} : { remaining_credits: creditsFromMicro(speech.remainingMicro) }),
    },
    expires_at: speech.expiresAt.toISOString(),
  }
}

export function setSpeechHeaders(reply: FastifyReply, speech: Speech, ignored: readonly string[]): void {
  const { timings } = speech
  reply.headers({
    // The id under which the result can be fetched: a replay's is that of the request that made it.
    'x-request-id': speech.requestId,
    'x-cost': formatCredits(speech.costMicro),
    'x-remaining-credits': formatCredits(speech.remainingMicro),
    'x-generation-time': inferenceSeconds(timings),
    'x-seed-value': speech.seed,
    'x-model': speech.model,
    'x-cold-start': speech.coldStart,
    'x-output-metadata': JSON.stringify({
      duration: roundToMillisecond(speech.audioSeconds),
      sample_rate: speech.sampleRate,
      model: speech.model,
      guards: speech.guards,
      reference_warnings: speech.referenceWarnings ?? [],
    }),
    'server-timing': [
      `queue;dur=${milliseconds(timings.queueSeconds)}`,
      `reference;dur=${milliseconds(timings.referenceSeconds)}`,
      `engine;dur=${milliseconds(timings.engineSeconds)}`,
      `total;dur=${milliseconds(timings.totalSeconds)}`,
    ].join(', '),
    'cache-control': 'no-store',
  })
  if (speech.replayed) reply.header('idempotent-replayed', 'true')
  setIgnoredParameters(reply, ignored)
}

export function setIgnoredParameters(reply: FastifyReply, ignored: readonly string[]): void {
  if (ignored.length > 0) reply.header('x-ignored-parameters', listNames(ignored))
}

/** Names are free text of the caller's: percent-encoded, and bounded so that no answer outgrows a client's header limit. */
function listNames(names: readonly string[]): string {
  const shown = names
    .slice(0, MAX_IGNORED_NAMES)
    .map((name) => encodeURIComponent(name.slice(0, MAX_IGNORED_NAME_LENGTH).replace(/\p{Surrogate}/gu, '\uFFFD')))
  return [...shown, ...(names.length > MAX_IGNORED_NAMES ? ['...'] : [])].join(', ')
}

export function inferenceSeconds({ referenceSeconds, engineSeconds }: Timings): number {
  return roundToMillisecond(referenceSeconds + engineSeconds)
}

export function roundToMillisecond(seconds: number): number {
  return Math.round(seconds * 1000) / 1000
}

function milliseconds(seconds: number): string {
  return (seconds * 1000).toFixed(1)
}
