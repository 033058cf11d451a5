// Reads a model's dimensions off the shapes of its tensors, so that a checkpoint of another size compiles without a table of sizes.
import {
  type Dimensions,
  HEAD_WIDTH,
  type LanguageModelDimensions,
  type S3GenDimensions,
  type VoiceEncoderDimensions,
} from '../dimensions.ts'
import { CheckpointError } from './checkpoint-error.ts'
import type { SafetensorsFile } from './safetensors.ts'

export interface CheckpointFiles {
  readonly languageModel: SafetensorsFile
  readonly voiceEncoder: SafetensorsFile
  readonly s3gen: SafetensorsFile
}

/** Throws CheckpointError, by tensor name, where a size cannot be this architecture's. */
export function dimensionsOf(files: CheckpointFiles): Dimensions {
  return {
    languageModel: languageModelOf(files.languageModel),
    voiceEncoder: voiceEncoderOf(files.voiceEncoder),
    s3gen: s3genOf(files.s3gen),
  }
}

/** One size of a tensor's shape; at least 1. */
function size(file: SafetensorsFile, name: string, axis: number): number {
  const found = file.entry(name).shape[axis] ?? 0
  if (found < 1) throw new CheckpointError(file.fileName, `tensor ${name} has no axis ${axis}`)
  return found
}

function headMultiple(file: SafetensorsFile, name: string, axis: number): number {
  const width = size(file, name, axis)
  if (width % HEAD_WIDTH !== 0)
    throw new CheckpointError(
      file.fileName,
      `tensor ${name}: ${width} is not a multiple of the head width ${HEAD_WIDTH}`,
    )
  return width
}

/** How many names there are that differ in the number standing for `#`. A gap shows when the missing layer is taken. */
function count(file: SafetensorsFile, template: string): number {
  let found = 0
  while (file.entries.has(template.replace('#', String(found)))) found++
  if (found === 0) throw new CheckpointError(file.fileName, `tensor ${template.replace('#', '0')} is missing`)
  return found
}

const languageModelOf = (file: SafetensorsFile): LanguageModelDimensions => ({
  layers: count(file, 'tfmr.h.#.ln_1.weight'),
  width: headMultiple(file, 'tfmr.wpe.weight', 1),
  feedForward: size(file, 'tfmr.h.0.mlp.c_fc.weight', 1),
  positions: size(file, 'tfmr.wpe.weight', 0),
  textVocabulary: size(file, 'text_emb.weight', 0),
})

const voiceEncoderOf = (file: SafetensorsFile): VoiceEncoderDimensions => ({
  layers: count(file, 'lstm.weight_ih_l#'),
  hidden: size(file, 'lstm.weight_hh_l0', 1),
  embedding: size(file, 'proj.weight', 0),
})

function s3genOf(file: SafetensorsFile): S3GenDimensions {
  const denseLayers = (block: number) => {
    // The one list that is counted from 1.
    const name = (layer: number) => `speaker_encoder.xvector.block${block}.tdnnd${layer}.linear1.weight`
    let found = 0
    while (file.entries.has(name(found + 1))) found++
    return found
  }
  const estimator = 'flow.decoder.estimator'
  const transformer = `${estimator}.down_blocks.0.1.0`
  return {
    speechTokenizer: {
      layers: count(file, 'tokenizer.encoder.blocks.#.mlp.0.weight'),
      width: headMultiple(file, 'tokenizer.encoder.conv1.weight', 0),
      feedForward: size(file, 'tokenizer.encoder.blocks.0.mlp.0.weight', 0),
    },
    speakerEncoder: { blockLayers: [denseLayers(1), denseLayers(2), denseLayers(3)] },
    flowEncoder: {
      width: headMultiple(file, 'flow.input_embedding.weight', 1),
      feedForward: size(file, 'flow.encoder.encoders.0.feed_forward.w_1.weight', 0),
      layers: count(file, 'flow.encoder.encoders.#.norm_ff.weight'),
      upLayers: count(file, 'flow.encoder.up_encoders.#.norm_ff.weight'),
    },
    flowEstimator: {
      channels: size(file, `${estimator}.final_proj.weight`, 1),
      timeWidth: size(file, `${estimator}.time_mlp.linear_1.weight`, 0),
      attentionWidth: headMultiple(file, `${transformer}.attn1.to_q.weight`, 0),
      feedForward: size(file, `${transformer}.ff.net.0.proj.weight`, 0),
      transformerBlocks: count(file, `${estimator}.down_blocks.0.1.#.norm1.weight`),
      midBlocks: count(file, `${estimator}.mid_blocks.#.0.res_conv.weight`),
    },
    vocoder: {
      channels: size(file, 'mel2wav.conv_pre.bias', 0),
      f0Channels: size(file, 'mel2wav.f0_predictor.classifier.weight', 1),
    },
  }
}
