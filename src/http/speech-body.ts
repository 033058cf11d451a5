// A parsed body → validated parameters of speech, the names that were ignored, and the recording that came as a file.
import type { z } from 'zod'
import {
  type AsyncSpeechBody,
  asyncSpeechSchema,
  asyncSpeechWithDefaultVoiceSchema,
  readTextField,
  type SpeechBody,
  type SyncSpeechBody,
  syncSpeechSchema,
  syncSpeechWithDefaultVoiceSchema,
} from '../contract/speech.ts'
import { validate } from '../contract/validate.ts'
import { AppError } from '../errors.ts'
import type { ParsedBody } from './body.ts'
import type { MultipartBody } from './multipart.ts'

export interface SpeechParameters<Body extends SpeechBody = SpeechBody> {
  readonly body: Body
  readonly file: Uint8Array | undefined
  /** Unknown parameters, in the order sent. */
  readonly ignored: readonly string[]
}

interface Options {
  readonly hasDefaultVoice: boolean
}

/** Throws `missing_parameter`, `invalid_parameter` or `text_too_long`, naming the field. */
export const readSpeechBody = (parsed: ParsedBody, options: Options): SpeechParameters<SyncSpeechBody> =>
  readBody(parsed, options, syncSpeechSchema, syncSpeechWithDefaultVoiceSchema)

/** The same with what the asynchronous API takes beside. */
export const readAsyncSpeechBody = (parsed: ParsedBody, options: Options): SpeechParameters<AsyncSpeechBody> =>
  readBody(parsed, options, asyncSpeechSchema, asyncSpeechWithDefaultVoiceSchema)

function readBody<Body extends SpeechBody>(
  parsed: ParsedBody,
  { hasDefaultVoice }: Options,
  schema: z.ZodObject & z.ZodType<Body>,
  withDefaultVoice: z.ZodType<Body>,
): SpeechParameters<Body> {
  const { parameters, file } = parsed.kind === 'json' ? { parameters: parsed.value, file: undefined } : readForm(parsed)
  const isReferenceOptional = hasDefaultVoice || file !== undefined
  return {
    body: validate(isReferenceOptional ? withDefaultVoice : schema, parameters),
    file,
    ignored: Object.keys(parameters).filter((name) => !Object.hasOwn(schema.shape, name)),
  }
}

/** The `webhook_url` of a body that may be wrong otherwise. */
export function readWebhookUrl(parsed: ParsedBody): string | undefined {
  const { webhook_url: value } = parsed.kind === 'json' ? parsed.value : Object.fromEntries(parsed.fields)
  return asyncSpeechSchema.shape.webhook_url.safeParse(value).data
}

function readForm({ fields, files }: MultipartBody): { parameters: Record<string, unknown>; file?: Uint8Array } {
  // No prototype: a field may have any name.
  const parameters: Record<string, unknown> = Object.create(null)
  let file: Uint8Array | undefined
  const refuseSecond = (name: string) => {
    if (name in parameters || (name === 'reference_audio' && file)) {
      throw new AppError('invalid_parameter', `${name} was sent more than once.`, { param: name })
    }
  }
  for (const [name, value] of fields) {
    refuseSecond(name)
    parameters[name] = readTextField(name, value)
  }
  for (const { name, bytes } of files) {
    refuseSecond(name)
    if (name === 'reference_audio') file = bytes
    // Not text, so that a known parameter is refused by its schema; an unknown one is ignored like every other.
    else parameters[name] = bytes
  }
  return file ? { parameters, file } : { parameters }
}
