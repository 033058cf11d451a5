// What the model knows of a voice – its conditionals – as plain arrays and as the engine's Voice, tensor by tensor.
import { invariant } from '../../../errors.ts'
import type { ModelName, Voice, VoiceTensor } from '../../engine.ts'

export interface Conditionals {
  /** Unit vector of the voice encoder, float32 [256]: first row of the language model's prompt. */
  readonly speakerEmbedding: Float32Array
  /** Speech tokens of the first 15 s, at most 375: the rest of that prompt. */
  readonly promptTokens: Int32Array
  /** What the flow continues from: the first 10 s. */
  readonly decoder: {
    /** At most 250. */
    readonly tokens: Int32Array
    /** Log-mel float32 [frames, 80], frames = 2 · tokens or one more. */
    readonly mel: Float32Array
    readonly frames: number
    /** Float32 [192], not normalised. */
    readonly xvector: Float32Array
  }
}

/** Tensor names in a Voice: those of the original `conds.pt`. */
const NAMES = {
  speakerEmbedding: 't3.speaker_emb',
  promptTokens: 't3.cond_prompt_speech_tokens',
  decoderTokens: 'gen.prompt_token',
  decoderMel: 'gen.prompt_feat',
  xvector: 'gen.embedding',
} as const

/** The mel's channels at 24 kHz. */
const MEL_CHANNELS = 80

export function toVoice(
  conditionals: Conditionals,
  identity: { readonly model: ModelName; readonly version: string },
): Voice {
  const { speakerEmbedding, promptTokens, decoder } = conditionals
  const tensors: Record<string, VoiceTensor> = {
    [NAMES.speakerEmbedding]: floats([1, speakerEmbedding.length], speakerEmbedding),
    [NAMES.promptTokens]: integers([1, promptTokens.length], promptTokens),
    [NAMES.decoderTokens]: integers([1, decoder.tokens.length], decoder.tokens),
    [NAMES.decoderMel]: floats([1, decoder.frames, MEL_CHANNELS], decoder.mel),
    [NAMES.xvector]: floats([1, decoder.xvector.length], decoder.xvector),
  }
  return { ...identity, tensors, metadata: {} }
}

const floats = (shape: readonly number[], data: Float32Array): VoiceTensor => ({ dtype: 'F32', shape, data })
const integers = (shape: readonly number[], data: Int32Array): VoiceTensor => ({
  dtype: 'I64',
  shape,
  data: BigInt64Array.from(data, BigInt),
})

/** The reverse. The voice must have been made for this model; whoever keeps voices checks `model` and `version` before. */
export function fromVoice(voice: Voice): Conditionals {
  const mel = floatsOf(voice, NAMES.decoderMel)
  const tokens = integersOf(voice, NAMES.decoderTokens)
  const frames = mel.length / MEL_CHANNELS
  invariant(
    frames === 2 * tokens.length || frames === 2 * tokens.length + 1,
    `${frames} frames for ${tokens.length} tokens`,
  )
  return {
    speakerEmbedding: floatsOf(voice, NAMES.speakerEmbedding),
    promptTokens: integersOf(voice, NAMES.promptTokens),
    decoder: { tokens, mel, frames, xvector: floatsOf(voice, NAMES.xvector) },
  }
}

function floatsOf(voice: Voice, name: string): Float32Array {
  const data = voice.tensors[name]?.data
  invariant(data instanceof Float32Array, `the voice has no ${name}`)
  return data
}

function integersOf(voice: Voice, name: string): Int32Array {
  const data = voice.tensors[name]?.data
  invariant(data instanceof BigInt64Array, `the voice has no ${name}`)
  return Int32Array.from(data, Number)
}
