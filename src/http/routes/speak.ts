// POST /v1/{slug}: parameters in, audio out, whole or as it is made.
import { AppError } from '../../errors.ts'
import type { ParsedBody } from '../body.ts'
import { readIdempotencyKey } from '../idempotency.ts'
import { acceptsEvents, negotiate } from '../negotiate.ts'
import type { Handler } from '../routing.ts'
import type { Services } from '../services.ts'
import { readSpeechBody } from '../speech-body.ts'
import { toSpeechRequest } from '../speech-request.ts'
import { answerStream } from '../stream-answer.ts'
import { answerWhole } from '../whole-answer.ts'

const LOW_NEEDS_STREAM =
  'latency low needs stream: true, or stream_format: sse: a whole file has no first sound to wait for.'

export function speak(services: Services): Handler {
  const { config } = services
  return async (request, reply) => {
    const idempotencyKey = readIdempotencyKey(request.headers['idempotency-key'])
    const parameters = readSpeechBody(request.body as ParsedBody, { hasDefaultVoice: config.DEFAULT_VOICE })
    const { ignored } = parameters
    const { stream, stream_format: streamFormat, latency, ...body } = parameters.body
    const { format, asJson } = negotiate(request.headers.accept, body.output_format)
    const asEvents = streamFormat === 'sse' || (streamFormat === undefined && acceptsEvents(request.headers.accept))
    const isStream = stream || asEvents
    if (latency === 'low' && !isStream) throw new AppError('invalid_parameter', LOW_NEEDS_STREAM, { param: 'latency' })
    // The same speech, however it is sent; but what is paid by the piece is another job.
    const ours = { ...parameters, body: isStream ? { ...body, latency, stream: true } : body }
    const wanted = toSpeechRequest(ours, format, idempotencyKey)
    if (isStream) {
      const describeError = ({ message, code }: Pick<AppError, 'message' | 'code'>) => ({ error: message, code })
      return answerStream(services, request, reply, wanted, { asEvents, ignored, describeError })
    }
    return answerWhole(services, request, reply, wanted, { asJson, ignored })
  }
}
