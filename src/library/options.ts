// What a program says to the library, in the words of the API, and how it becomes a request to synthesis.
import { readFile } from 'node:fs/promises'
import type { z } from 'zod'
import type { AudioFormat } from '../audio/formats.ts'
import { latency, speechSchema } from '../contract/speech.ts'
import { validate } from '../contract/validate.ts'
import type { ModelName } from '../engine/engine.ts'
import { AppError } from '../errors.ts'
import type { Progress } from '../synthesis/generate.ts'
import type { ReferenceSource, SpeechRequest } from '../synthesis/speech.ts'

export interface EngineOptions {
  /**
   * `auto`: the best model installed, else the preview. A name: that one, and an error where it is not there. Anything with a slash in it:
   * the folder of a compiled model. Default: `auto`.
   */
  readonly model?: 'auto' | ModelName | (string & {}) | undefined
  /** Where `chatterbox pull` has put the models. Default: in the user's cache. */
  readonly modelDir?: string | undefined
  /** What the model must have been compiled with; another one is an error. */
  readonly precision?: 'fp32' | 'int8' | 'int4' | undefined
  /** Where encoded voices are kept between runs. Default: in the user's cache. */
  readonly dataDir?: string | undefined
  /** Default: one per processor, at most 8. */
  readonly threads?: number | undefined
  /** The engine's process exits after so long without work, and its memory is free; 0 keeps it. Default: 300. */
  readonly idleSeconds?: number | undefined
  /** What goes to standard error. Default: `error`. */
  readonly logLevel?: 'silent' | 'error' | 'warn' | 'info' | undefined
}

const parametersSchema = speechSchema.pick({
  temperature: true,
  top_p: true,
  top_k: true,
  min_p: true,
  repetition_penalty: true,
  seed: true,
  norm_loudness: true,
  text_handling: true,
})

/** A file, an `https:` or `data:` URL, `voice:` and a built-in name; or the bytes of a recording or of an encoded voice. */
export type VoiceReference = string | Uint8Array

const streamSchema = parametersSchema.extend({ latency })

export interface SpeakOptions extends z.input<typeof parametersSchema> {
  /** Default: the voice of the model, or else the bundled one. */
  readonly voice?: VoiceReference | undefined
  readonly signal?: AbortSignal | undefined
}

export interface StreamOptions extends SpeakOptions {
  /** `low`: the first two pieces come in parts, while the rest of them is being spoken. Default: `normal`. */
  readonly latency?: 'normal' | 'low' | undefined
}

export interface RenderOptions extends SpeakOptions {
  /** Default: `wav`. */
  readonly format?: AudioFormat | undefined
  readonly onProgress?: ((progress: Progress) => void) | undefined
}

/** Throws AppError `missing_parameter` or `invalid_parameter`, naming the one at fault, and what readVoice() throws. */
export async function readRequest(
  text: string,
  { voice, format, ...rest }: RenderOptions & StreamOptions,
): Promise<SpeechRequest> {
  if (typeof text !== 'string' || text.trim() === '') {
    throw new AppError('missing_parameter', 'text is required and must be a string.', { param: 'text' })
  }
  const parameters = validate(streamSchema, rest)
  const { temperature, top_p, top_k, min_p, repetition_penalty, seed, norm_loudness, text_handling } = parameters
  return {
    text,
    textHandling: text_handling,
    reference: await readVoice(voice),
    sampling: { temperature, topP: top_p, topK: top_k, minP: min_p, repetitionPenalty: repetition_penalty },
    seed,
    normLoudness: norm_loudness,
    format: format ?? 'wav',
    ...(parameters.latency === 'low' ? { latency: parameters.latency } : {}),
  }
}

/** Throws what the file system throws where a file cannot be read. */
export async function readVoice(voice: VoiceReference | undefined): Promise<ReferenceSource> {
  if (voice === undefined) return { kind: 'default' }
  if (typeof voice !== 'string') return { kind: 'bytes', bytes: voice }
  return /^(https?|data|voice):/i.test(voice)
    ? { kind: 'string', value: voice }
    : { kind: 'bytes', bytes: await readFile(voice) }
}
