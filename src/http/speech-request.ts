// The contract's words → a request to synthesis, the same for every route that takes them.
import type { OutputFormat, SpeechBody } from '../contract/speech.ts'
import type { Latency, ReferenceSource, SpeechRequest } from '../synthesis/speech.ts'
import { hashSpeechRequest } from './idempotency.ts'
import type { SpeechParameters } from './speech-body.ts'

/** Beside the parameters of speech, what those can have who listen while it is spoken. */
type SpokenBody = SpeechBody & { readonly latency?: Latency }

/** `idempotencyKey`: as the caller sent it, or undefined. */
export function toSpeechRequest(
  parameters: SpeechParameters<SpokenBody>,
  format: OutputFormat,
  idempotencyKey: string | undefined,
): SpeechRequest {
  const { file } = parameters
  const { latency, ...body } = parameters.body
  const early = latency === 'low' ? { latency } : {}
  return {
    text: body.text,
    ...(body.text_handling === undefined ? {} : { textHandling: body.text_handling }),
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
    ...early,
    ...(body.retention === undefined ? {} : { retention: body.retention }),
    ...(idempotencyKey === undefined
      ? {}
      : {
          idempotency: {
            key: idempotencyKey,
            requestHash: hashSpeechRequest({ ...body, ...early, output_format: format }, file),
          },
        }),
  }
}

function referenceOf({ body, file }: SpeechParameters): ReferenceSource {
  if (file) return { kind: 'bytes', bytes: file }
  return body.reference_audio === undefined ? { kind: 'default' } : { kind: 'string', value: body.reference_audio }
}
