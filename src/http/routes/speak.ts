// POST /v1/{slug}: parameters in, audio out, whole or as it is made.
import { type AppError, invariant } from '../../errors.ts'
import type { Speech } from '../../synthesis/speech.ts'
import type { ParsedBody } from '../body.ts'
import { watchCaller } from '../caller-gone.ts'
import { forgetWhenSent } from '../forget-when-sent.ts'
import { readIdempotencyKey } from '../idempotency.ts'
import { acceptsEvents, negotiate } from '../negotiate.ts'
import { publicUrl } from '../public-url.ts'
import type { Handler } from '../routing.ts'
import type { Services } from '../services.ts'
import { describeFinished, setSpeechHeaders } from '../speech-answer.ts'
import { readSpeechBody } from '../speech-body.ts'
import { toSpeechRequest } from '../speech-request.ts'
import { answerStream } from '../stream-answer.ts'

export function speak(services: Services): Handler {
  const { config, speaker } = services
  return async (request, reply) => {
    const { caller } = request
    invariant(caller, 'speaking needs a caller')
    const idempotencyKey = readIdempotencyKey(request.headers['idempotency-key'])
    const parameters = readSpeechBody(request.body as ParsedBody, { hasDefaultVoice: config.DEFAULT_VOICE })
    const { ignored } = parameters
    const { stream, stream_format: streamFormat, ...body } = parameters.body
    const { format, asJson } = negotiate(request.headers.accept, body.output_format)
    const asEvents = streamFormat === 'sse' || (streamFormat === undefined && acceptsEvents(request.headers.accept))
    const isStream = stream || asEvents
    // The same speech, however it is sent; but what is paid by the piece is another job.
    const ours = { ...parameters, body: isStream ? { ...body, stream: true } : body }
    const wanted = toSpeechRequest(ours, format, idempotencyKey)
    if (isStream) {
      const describeError = ({ message, code }: Pick<AppError, 'message' | 'code'>) => ({ error: message, code })
      return answerStream(services, request, reply, wanted, { asEvents, ignored, describeError })
    }

    using watch = watchCaller(reply)
    const speech = await speaker.speak(wanted, caller, request.id, watch.signal)
    request.timings = speech.timings
    if (body.retention === 'none' && !asJson) forgetWhenSent(services, request, reply, speech.requestId)
    setSpeechHeaders(reply, speech, ignored)
    return asJson
      ? reply.send(describeFinished({ ...speech, byteLength: speech.bytes.byteLength }, publicUrl(config, request)))
      : reply.headers(audioHeaders(speech)).send(speech.bytes)
  }
}

function audioHeaders(speech: Speech): Record<string, string> {
  return {
    'content-type': speech.mediaType,
    'content-disposition': `inline; filename="${speech.requestId}.${speech.format}"`,
  }
}
