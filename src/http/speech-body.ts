// A parsed body → validated parameters of speech, the names that were ignored, and the recording that came as a file.
import { readTextField, type SpeechBody, speechSchema, speechWithDefaultVoiceSchema } from '../contract/speech.ts'
import { AppError } from '../errors.ts'
import type { ParsedBody } from './body.ts'
import type { MultipartBody } from './multipart.ts'
import { validate } from './validate.ts'

export interface SpeechParameters {
  readonly body: SpeechBody
  readonly file: Uint8Array | undefined
  /** Unknown parameters, in the order sent. */
  readonly ignored: readonly string[]
}

/** Throws `missing_parameter`, `invalid_parameter` or `text_too_long`, naming the field. */
export function readSpeechBody(parsed: ParsedBody, options: { readonly hasDefaultVoice: boolean }): SpeechParameters {
  const { parameters, file } = parsed.kind === 'json' ? { parameters: parsed.value, file: undefined } : readForm(parsed)
  const isReferenceOptional = options.hasDefaultVoice || file !== undefined
  return {
    body: validate(isReferenceOptional ? speechWithDefaultVoiceSchema : speechSchema, parameters),
    file,
    ignored: Object.keys(parameters).filter((name) => !Object.hasOwn(speechSchema.shape, name)),
  }
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
