// POST /v1/{slug}: parameters in, audio out.
import { invariant } from '../../errors.ts'
import type { Speech } from '../../synthesis/speech.ts'
import type { ParsedBody } from '../body.ts'
import { watchCaller } from '../caller-gone.ts'
import { forgetWhenSent } from '../forget-when-sent.ts'
import { readIdempotencyKey } from '../idempotency.ts'
import { negotiate } from '../negotiate.ts'
import { publicUrl } from '../public-url.ts'
import type { Handler } from '../routing.ts'
import type { Services } from '../services.ts'
import { describeFinished, setSpeechHeaders } from '../speech-answer.ts'
import { readSpeechBody } from '../speech-body.ts'
import { toSpeechRequest } from '../speech-request.ts'

export function speak(services: Services): Handler {
  const { config, speaker } = services
  return async (request, reply) => {
    const { caller } = request
    invariant(caller, 'speaking needs a caller')
    using watch = watchCaller(reply)
    const idempotencyKey = readIdempotencyKey(request.headers['idempotency-key'])
    const parameters = readSpeechBody(request.body as ParsedBody, { hasDefaultVoice: config.DEFAULT_VOICE })
    const { format, asJson } = negotiate(request.headers.accept, parameters.body.output_format)

    const speech = await speaker.speak(
      toSpeechRequest(parameters, format, idempotencyKey),
      caller,
      request.id,
      watch.signal,
    )
    request.timings = speech.timings
    if (parameters.body.retention === 'none' && !asJson) forgetWhenSent(services, request, reply, speech.requestId)
    setSpeechHeaders(reply, speech, parameters.ignored)
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
