// All networks of a model: which tensors of which checkpoint file each takes, and which tensors none of them needs.
import { TOKENIZER_PARTS, tokenizerPartName } from '../../engine/chatterbox/voice/tokenizer-parts.ts'
import { type CheckpointFiles, dimensionsOf } from '../checkpoint/dimensions-of.ts'
import { type IgnoredTensors, Weights } from '../checkpoint/weights.ts'
import type { Dimensions } from '../dimensions.ts'
import { checkFrontEndConstants } from '../front-end-constants.ts'
import type { Graph, GraphOptions } from '../onnx/graph.ts'
import type { Precision } from '../quantize.ts'
import { flowEncoder } from './flow-encoder.ts'
import { flowEstimator } from './flow-estimator.ts'
import { buildSpeakerEncoder } from './speaker-encoder.ts'
import { buildSpeechTokenizer, type TokenizerPart } from './speech-tokenizer.ts'
import { buildT3 } from './t3.ts'
import { buildT3Embedding, IGNORED_T3_TENSORS } from './t3-embedding.ts'
import { f0Predictor, vocoder } from './vocoder.ts'
import { buildVoiceEncoder } from './voice-encoder.ts'

export interface ModelGraphs {
  readonly dimensions: Dimensions
  /** By graph name; each is built when called, once. Building reads no values but those it needs folded. */
  readonly builders: Readonly<Record<string, () => Graph>>
  /** To be called after all builders: throws CheckpointError if a file holds tensors that no graph knows. */
  finish(): readonly (IgnoredTensors & { readonly source: string })[]
}

/** The graphs of a checkpoint. Its files must stay open until the graphs are saved. */
export function modelGraphs(files: CheckpointFiles, precision: Precision, options: GraphOptions = {}): ModelGraphs {
  const dimensions = dimensionsOf(files)
  const { s3gen: s3 } = dimensions
  const languageModel = new Weights(files.languageModel)
  const voiceEncoder = new Weights(files.voiceEncoder)
  const s3gen = new Weights(files.s3gen)
  const tokenizer = s3gen.at('tokenizer')
  return {
    dimensions,
    builders: {
      'voice-encoder': () => buildVoiceEncoder(voiceEncoder, dimensions.voiceEncoder),
      ...speechTokenizerParts((part) => {
        if (part.index === 0) checkFrontEndConstants(tokenizer, files.s3gen.fileName)
        return buildSpeechTokenizer(tokenizer, s3.speechTokenizer, { ...options, part })
      }),
      'speaker-encoder': () => buildSpeakerEncoder(s3gen.at('speaker_encoder'), s3.speakerEncoder, options),
      'flow-encoder': () => flowEncoder(s3gen.at('flow'), s3.flowEncoder, options),
      'flow-estimator': () => flowEstimator(s3gen.at('flow', 'decoder', 'estimator'), s3.flowEstimator, options),
      'f0-predictor': () => f0Predictor(s3gen.at('mel2wav'), s3.vocoder, options),
      vocoder: () => vocoder(s3gen.at('mel2wav'), s3.vocoder, options),
      't3-embedding': () =>
        buildT3Embedding(languageModel, dimensions.languageModel, dimensions.voiceEncoder.embedding),
      t3: () => buildT3(languageModel, dimensions.languageModel, precision),
    },
    finish() {
      s3gen.ignore(/\.num_batches_tracked$/, 'counts training steps')
      for (const [pattern, reason] of IGNORED_T3_TENSORS) languageModel.ignore(pattern, reason)
      const all = [
        [files.languageModel, languageModel],
        [files.voiceEncoder, voiceEncoder],
        [files.s3gen, s3gen],
      ] as const
      return all.flatMap(([{ fileName }, weights]) => weights.finish().map((group) => ({ source: fileName, ...group })))
    },
  }
}

const speechTokenizerParts = (build: (part: TokenizerPart) => Graph): Record<string, () => Graph> =>
  Object.fromEntries(
    Array.from({ length: TOKENIZER_PARTS }, (_, index) => [
      tokenizerPartName(index),
      () => build({ index, count: TOKENIZER_PARTS }),
    ]),
  )
