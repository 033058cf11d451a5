// Anything thrown → status and JSON body. The only place that picks a status; our own faults never show their message.
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Config } from '../config.ts'
import { ERRORS, type ErrorBody, KNOWN_TEXTS } from '../contract/errors.ts'
import { AppError, describeError, type ErrorCode } from '../errors.ts'
import { CallerGone } from './caller-gone.ts'
import { elevenLabsErrorBody, isElevenLabsClient } from './elevenlabs-error.ts'
import { openAIErrorBody } from './openai-error.ts'

/** What Fastify throws on behalf of a caller, in our words. Whatever is not listed is our fault. */
const FRAMEWORK_ERRORS: Readonly<Record<string, readonly [code: ErrorCode, message: string]>> = {
  FST_ERR_CTP_INVALID_MEDIA_TYPE: ['invalid_content_type', KNOWN_TEXTS.invalidContentType],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: ['malformed_request', 'Content-Length differs from the length of the body.'],
  FST_ERR_BAD_URL: ['not_found', 'This path is not a valid URL.'],
  FST_ERR_MAX_PARAM_LENGTH: ['not_found', 'No path is this long.'],
}

/** Answers `error`; also the handler of errors that occur before routing. */
export function answerError(error: unknown, request: FastifyRequest, reply: FastifyReply, config: Config): void {
  if (error instanceof CallerGone) {
    request.failureCode = 'caller_gone'
    reply.hijack()
    reply.raw.destroy()
    return
  }
  const refusal = toRefusal(error, request, config.MAX_BODY_MB)
  const status = statusOf(refusal.code, request, config)
  if (status >= 500) request.log.error({ error: describeError(error) }, refusal.code)
  request.failureCode = refusal.code
  if (refusal.retryAfterSeconds !== undefined) {
    reply.header('retry-after', Math.max(1, Math.ceil(refusal.retryAfterSeconds)))
  }
  const requestId = refusal.requestId ?? request.id
  reply.header('x-request-id', requestId).header('cache-control', 'no-store')
  reply.code(status).send(shapeError(refusal, request, requestId))
}

/** As whoever asked reads it. */
function shapeError(refusal: AppError, request: FastifyRequest, requestId: string): object {
  const shape = isElevenLabsClient(request) ? 'elevenlabs' : request.routeOptions?.config?.errorShape
  if (shape === 'elevenlabs') return elevenLabsErrorBody(refusal, requestId)
  return shape === 'openai' ? openAIErrorBody(refusal) : errorBody(refusal, requestId)
}

export function errorBody(refusal: Pick<AppError, 'message' | 'code' | 'param'>, requestId: string): ErrorBody {
  return {
    error: refusal.message,
    code: refusal.code,
    ...(refusal.param === undefined ? {} : { param: refusal.param }),
    request_id: requestId,
  }
}

/** The contract's, but for the one that the original answers in two ways. */
function statusOf(code: ErrorCode, request: FastifyRequest, config: Config): number {
  if (code === 'insufficient_credits' && request.url.startsWith('/v2/')) {
    return Number(config.V2_INSUFFICIENT_CREDITS_STATUS)
  }
  return ERRORS[code].status
}

function toRefusal(error: unknown, request: FastifyRequest, maxBodyMb: number): AppError {
  if (error instanceof AppError) {
    if (error.code !== 'internal') return error
  } else {
    const code = (error as { code?: unknown } | null)?.code
    if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') {
      return new AppError('body_too_large', `The request body exceeds the limit of ${maxBodyMb} MiB.`)
    }
    const known = typeof code === 'string' ? FRAMEWORK_ERRORS[code] : undefined
    if (known) return new AppError(...known)
    if (request.raw.errored) return new AppError('malformed_request', 'The request body broke off.')
  }
  return new AppError('internal', 'Something went wrong on our side; the log has the cause under this request id.')
}
