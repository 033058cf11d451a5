// The files of a checkpoint, as the original repositories name them.
import { TOKENIZER_FILES } from '../engine/chatterbox/text/tokenizer.ts'
import type { InstallableModel } from '../engine/installed-models.ts'

export const LANGUAGE_MODEL_FILES: Readonly<Record<InstallableModel, string>> = {
  turbo: 't3_turbo_v1.safetensors',
  nano: 't3_nano_v1.safetensors',
}
export const VOICE_ENCODER_FILE = 've.safetensors'
export const S3GEN_FILE = 's3gen_meanflow.safetensors'
/** The voice that comes with a checkpoint. */
export const DEFAULT_VOICE_SOURCE = 'conds.pt'

const OPTIONAL: readonly string[] = [DEFAULT_VOICE_SOURCE, 'tokenizer_config.json']

/** What a model is compiled from, and what it can do without. */
export function filesOf(model: InstallableModel): {
  readonly required: readonly string[]
  readonly optional: readonly string[]
} {
  const files = [LANGUAGE_MODEL_FILES[model], VOICE_ENCODER_FILE, S3GEN_FILE, ...TOKENIZER_FILES]
  return { required: files.filter((name) => !OPTIONAL.includes(name)), optional: OPTIONAL }
}
