// POST /v1/{slug}: parameters in, audio out.
import { invariant } from '../../errors.ts'
import type { ReferenceSource, Speech } from '../../synthesis/speech.ts'
import type { ParsedBody } from '../body.ts'
import { watchCaller } from '../caller-gone.ts'
import { hashSpeechRequest, readIdempotencyKey } from '../idempotency.ts'
import { negotiate } from '../negotiate.ts'
import { publicUrl } from '../public-url.ts'
import type { Handler } from '../routing.ts'
import type { Services } from '../services.ts'
import { describeFinished, setSpeechHeaders } from '../speech-answer.ts'
import { readSpeechBody, type SpeechParameters } from '../speech-body.ts'

export function speak({ config, speaker }: Services): Handler {
  return async (request, reply) => {
    const { caller } = request
    invariant(caller, 'speaking needs a caller')
    using watch = watchCaller(reply)
    const idempotencyKey = readIdempotencyKey(request.headers['idempotency-key'])
    const parameters = readSpeechBody(request.body as ParsedBody, { hasDefaultVoice: config.DEFAULT_VOICE })
    const { body, file, ignored } = parameters
    const { format, asJson } = negotiate(request.headers.accept, body.output_format)

    const speech = await speaker.speak(
      {
        text: body.text,
        reference: referenceOf(parameters),
        sampling: {
          temperature: body.temperature,
          topP: body.top_p,
          topK: body.top_k,
          minP: body.min_p,
          repetitionPenalty: body.repetition_penalty,
        },
        seed: body.seed,
        normLoudness: body.norm_loudness,
        format,
        ...(idempotencyKey === undefined
          ? {}
          : {
              idempotency: {
                key: idempotencyKey,
                requestHash: hashSpeechRequest({ ...body, output_format: format }, file),
              },
            }),
      },
      caller,
      request.id,
      watch.signal,
    )
    request.timings = speech.timings
    setSpeechHeaders(reply, speech, ignored)
    return asJson
      ? reply.send(describeFinished({ ...speech, byteLength: speech.bytes.byteLength }, publicUrl(config, request)))
      : reply.headers(audioHeaders(speech)).send(speech.bytes)
  }
}

function referenceOf({ body, file }: SpeechParameters): ReferenceSource {
  if (file) return { kind: 'bytes', bytes: file }
  return body.reference_audio === undefined ? { kind: 'default' } : { kind: 'string', value: body.reference_audio }
}

function audioHeaders(speech: Speech): Record<string, string> {
  return {
    'content-type': speech.mediaType,
    'content-disposition': `inline; filename="${speech.requestId}.${speech.format}"`,
  }
}
