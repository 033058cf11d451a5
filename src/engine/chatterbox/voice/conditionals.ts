// What the model knows of a voice – its conditionals – as plain arrays and as the engine's Voice, tensor by tensor.
import { AppError } from '../../../errors.ts'
import type { ModelName, Voice, VoiceTensor } from '../../engine.ts'
import { SPEECH_TOKENS } from '../tokens/speech-tokens.ts'

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

/** What the model was trained on, and what its graphs have room for. */
const MOST_PROMPT_TOKENS = 375
const MOST_DECODER_TOKENS = 250
const XVECTOR_SIZE = 192
/** Log-mels begin at −11.5 and x-vectors are of that order at most; far more would come out as noise, or as no number. */
const LARGEST_VALUE = 1000

/**
 * The reverse. Whoever keeps voices checks `model` and `version` before. A file may say anything, so every value is looked at: throws
 * AppError `invalid_reference_audio` for what is no voice of a model with speaker embeddings of this size.
 */
export function fromVoice(voice: Voice, speakerEmbeddingSize?: number): Conditionals {
  const speakerEmbedding = floatsOf(voice, NAMES.speakerEmbedding)
  const promptTokens = tokensOf(voice, NAMES.promptTokens, MOST_PROMPT_TOKENS)
  const tokens = tokensOf(voice, NAMES.decoderTokens, MOST_DECODER_TOKENS)
  const mel = floatsOf(voice, NAMES.decoderMel)
  const xvector = floatsOf(voice, NAMES.xvector)
  const frames = mel.length / MEL_CHANNELS
  demand(frames === 2 * tokens.length || frames === 2 * tokens.length + 1, NAMES.decoderMel)
  demand(xvector.length === XVECTOR_SIZE, NAMES.xvector)
  demand(speakerEmbeddingSize === undefined || speakerEmbedding.length === speakerEmbeddingSize, NAMES.speakerEmbedding)
  return { speakerEmbedding, promptTokens, decoder: { tokens, mel, frames, xvector } }
}

function floatsOf(voice: Voice, name: string): Float32Array {
  const data = voice.tensors[name]?.data
  demand(data instanceof Float32Array && data.every((value) => Math.abs(value) <= LARGEST_VALUE), name)
  return data
}

function tokensOf(voice: Voice, name: string, most: number): Int32Array {
  const data = voice.tensors[name]?.data
  demand(data instanceof BigInt64Array && data.length > 0 && data.length <= most, name)
  demand(
    data.every((token) => token >= 0 && token < SPEECH_TOKENS),
    name,
  )
  return Int32Array.from(data, Number)
}

function demand(condition: boolean, name: string): asserts condition {
  if (condition) return
  throw new AppError(
    'invalid_reference_audio',
    `This voice file cannot be used: its ${name} is not what this model makes of a recording. Make it again.`,
    { param: 'reference_audio' },
  )
}
