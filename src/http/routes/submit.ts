// POST /v2/{slug}: parameters in, an id and URLs to poll out.
import { AppError, type ErrorCode, invariant } from '../../errors.ts'
import type { ParsedBody } from '../body.ts'
import { describeSubmitted } from '../describe-request.ts'
import { readIdempotencyKey } from '../idempotency.ts'
import { publicUrl } from '../public-url.ts'
import { findQueuePosition } from '../queue-position.ts'
import type { Handler } from '../routing.ts'
import type { Services } from '../services.ts'
import { setIgnoredParameters } from '../speech-answer.ts'
import { readAsyncSpeechBody, readWebhookUrl } from '../speech-body.ts'
import { toSpeechRequest } from '../speech-request.ts'

/** What the setting DEFER_VALIDATION lets fail later. */
const ABOUT_PARAMETERS: readonly ErrorCode[] = [
  'missing_parameter',
  'invalid_parameter',
  'text_too_long',
  'invalid_reference_audio',
]
const DEFAULT_FORMAT = 'wav'

export function submit({ config, db, requests, webhookUrlProblem }: Services): Handler {
  return async (request, reply) => {
    const { caller } = request
    invariant(caller, 'a request belongs to a caller')
    const idempotencyKey = readIdempotencyKey(request.headers['idempotency-key'])
    const parsed = request.body as ParsedBody

    const submitSpeech = async () => {
      const parameters = readAsyncSpeechBody(parsed, { hasDefaultVoice: config.DEFAULT_VOICE })
      const { output_format: format = DEFAULT_FORMAT, webhook_url: webhookUrl } = parameters.body
      setIgnoredParameters(reply, parameters.ignored)
      requireCallable(webhookUrl && webhookUrlProblem(webhookUrl))
      const terms = webhookUrl === undefined ? {} : { webhookUrl: new URL(webhookUrl).href }
      return requests.submit(toSpeechRequest(parameters, format, idempotencyKey), caller, request.id, terms)
    }
    const { job, kind } = await submitSpeech().catch((error: unknown) => {
      if (!config.DEFER_VALIDATION || !isAboutParameters(error)) throw error
      const webhookUrl = readWebhookUrl(parsed)
      const isCallable = webhookUrl !== undefined && webhookUrlProblem(webhookUrl) === undefined
      return requests.submitRefused(error, caller, request.id, isCallable ? { webhookUrl } : {})
    })

    if (kind === 'same') reply.header('idempotent-replayed', 'true')
    // The id under which the result can be fetched: a replay's is that of the request that made it.
    reply.header('x-request-id', job.id).header('cache-control', 'no-store')
    return describeSubmitted(job, await findQueuePosition(db, job), publicUrl(config, request))
  }
}

function requireCallable(problem: string | undefined): void {
  if (problem) throw new AppError('invalid_parameter', `webhook_url: ${problem}`, { param: 'webhook_url' })
}

const isAboutParameters = (error: unknown): error is AppError =>
  error instanceof AppError && ABOUT_PARAMETERS.includes(error.code) && error.param !== 'Idempotency-Key'
