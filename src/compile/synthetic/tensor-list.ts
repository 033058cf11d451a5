// Names, shapes and order of the tensors in the four original checkpoint files, derived from the model's dimensions.
import {
  type Dimensions,
  HEAD_WIDTH,
  type LanguageModelDimensions,
  MEL_CHANNELS,
  type S3GenDimensions,
  SPEECH_TOKENS,
  SPEECH_VOCABULARY,
  type VoiceEncoderDimensions,
  XVECTOR_SIZE,
} from '../dimensions.ts'

export interface TensorSpec {
  readonly name: string
  readonly dtype: 'F32' | 'I64'
  readonly shape: readonly number[]
}

type Specs = readonly TensorSpec[]

const f32 = (name: string, ...shape: number[]): TensorSpec => ({ name, dtype: 'F32', shape })
const within = (prefix: string, ...specs: (TensorSpec | Specs)[]): Specs =>
  specs.flat().map((spec) => ({ ...spec, name: `${prefix}.${spec.name}` }))
const repeat = (count: number, make: (index: number) => Specs): Specs =>
  Array.from({ length: count }, (_, i) => make(i)).flat()

/** `weight` of this shape and a `bias` as long as its first axis. */
const affine = (name: string, ...shape: [number, ...number[]]): Specs =>
  within(name, f32('weight', ...shape), f32('bias', shape[0]))
const weight = (name: string, ...shape: number[]): Specs => within(name, f32('weight', ...shape))

export function languageModelTensors(dimensions: LanguageModelDimensions, speakerEmbedding: number): Specs {
  const { layers, width, feedForward, positions, textVocabulary } = dimensions
  // GPT-2's Conv1D holds its weight as [in, out], its bias as [out].
  const project = (name: string, from: number, to: number) => within(name, f32('weight', from, to), f32('bias', to))
  return [
    ...weight('tfmr.wte', textVocabulary, width),
    ...weight('tfmr.wpe', positions, width),
    ...repeat(layers, (i) =>
      within(
        `tfmr.h.${i}`,
        affine('ln_1', width),
        project('attn.c_attn', width, 3 * width),
        project('attn.c_proj', width, width),
        affine('ln_2', width),
        project('mlp.c_fc', width, feedForward),
        project('mlp.c_proj', feedForward, width),
      ),
    ),
    ...affine('tfmr.ln_f', width),
    ...affine('cond_enc.spkr_enc', width, speakerEmbedding),
    ...weight('text_emb', textVocabulary, width),
    ...weight('speech_emb', SPEECH_VOCABULARY, width),
    ...weight('text_head', textVocabulary, width),
    ...affine('speech_head', SPEECH_VOCABULARY, width),
  ]
}

export function voiceEncoderTensors({ layers, hidden, embedding }: VoiceEncoderDimensions): Specs {
  return [
    f32('similarity_weight', 1),
    f32('similarity_bias', 1),
    ...repeat(layers, (i) => [
      f32(`lstm.weight_ih_l${i}`, 4 * hidden, i === 0 ? 40 : hidden),
      f32(`lstm.weight_hh_l${i}`, 4 * hidden, hidden),
      f32(`lstm.bias_ih_l${i}`, 4 * hidden),
      f32(`lstm.bias_hh_l${i}`, 4 * hidden),
    ]),
    ...affine('proj', embedding, hidden),
  ]
}

export function s3genTensors(dimensions: S3GenDimensions): Specs {
  return [
    ...within('tokenizer', speechTokenizer(dimensions.speechTokenizer)),
    ...within('speaker_encoder', speakerEncoder(dimensions.speakerEncoder)),
    ...within('flow', flow(dimensions)),
    ...within('mel2wav', vocoder(dimensions.vocoder)),
  ]
}

function speechTokenizer({ layers, width, feedForward }: S3GenDimensions['speechTokenizer']): Specs {
  return [
    f32('_mel_filters', 128, 201),
    f32('window', 400),
    ...affine('encoder.conv1', width, 128, 3),
    ...affine('encoder.conv2', width, width, 3),
    ...repeat(layers, (i) =>
      within(
        `encoder.blocks.${i}`,
        affine('attn.query', width, width),
        weight('attn.key', width, width),
        affine('attn.value', width, width),
        affine('attn.out', width, width),
        weight('attn.fsmn_block', width, 1, 31),
        affine('attn_ln', width),
        affine('mlp.0', feedForward, width),
        affine('mlp.2', width, feedForward),
        affine('mlp_ln', width),
      ),
    ),
    ...affine('quantizer._codebook.project_down', 8, width),
  ]
}

function batchNorm(name: string, channels: number, hasAffine = true): Specs {
  const statistics = [f32('running_mean', channels), f32('running_var', channels)]
  const count: TensorSpec = { name: 'num_batches_tracked', dtype: 'I64', shape: [] }
  const own = hasAffine ? [f32('weight', channels), f32('bias', channels)] : []
  return within(name, own, statistics, count)
}

function speakerEncoder({ blockLayers }: S3GenDimensions['speakerEncoder']): Specs {
  const conv2d = (name: string, from: number) => weight(name, 32, from, 3, 3)
  const residual = (name: string, hasShortcut: boolean) =>
    within(
      name,
      [...conv2d('conv1', 32), ...batchNorm('bn1', 32), ...conv2d('conv2', 32), ...batchNorm('bn2', 32)],
      hasShortcut ? [...weight('shortcut.0', 32, 32, 1, 1), ...batchNorm('shortcut.1', 32)] : [],
    )
  const stage = (name: string) => within(name, residual('0', true), residual('1', false))
  const xvector = [...weight('tdnn.linear', 128, 320, 5), ...batchNorm('tdnn.nonlinear.batchnorm', 128)]
  let channels = 128
  for (const [block, layers] of blockLayers.entries()) {
    for (let layer = 1; layer <= layers; layer++, channels += 32) {
      xvector.push(...within(`block${block + 1}.tdnnd${layer}`, denseLayer(channels)))
    }
    xvector.push(
      ...within(
        `transit${block + 1}`,
        batchNorm('nonlinear.batchnorm', channels),
        weight('linear', channels / 2, channels, 1),
      ),
    )
    channels /= 2
  }
  return [
    ...within('head', conv2d('conv1', 1), batchNorm('bn1', 32), stage('layer1'), stage('layer2')),
    ...within('head', conv2d('conv2', 32), batchNorm('bn2', 32)),
    ...within(
      'xvector',
      xvector,
      batchNorm('out_nonlinear.batchnorm', channels),
      weight('dense.linear', XVECTOR_SIZE, 2 * channels, 1),
      batchNorm('dense.nonlinear.batchnorm', XVECTOR_SIZE, false),
    ),
  ]
}

const denseLayer = (channels: number): Specs => [
  ...batchNorm('nonlinear1.batchnorm', channels),
  ...weight('linear1', 128, channels, 1),
  ...batchNorm('nonlinear2.batchnorm', 128),
  ...weight('cam_layer.linear_local', 32, 128, 3),
  ...affine('cam_layer.linear1', 64, 128, 1),
  ...affine('cam_layer.linear2', 32, 64, 1),
]

function flow({ flowEncoder, flowEstimator }: S3GenDimensions): Specs {
  const { width, layers, upLayers } = flowEncoder
  const embed = (name: string) => within(name, affine('out.0', width, width), affine('out.1', width))
  return [
    f32('input_embedding.weight', SPEECH_TOKENS, width),
    ...affine('spk_embed_affine_layer', MEL_CHANNELS, XVECTOR_SIZE),
    ...within(
      'encoder',
      embed('embed'),
      affine('after_norm', width),
      affine('pre_lookahead_layer.conv1', width, width, 4),
      affine('pre_lookahead_layer.conv2', width, width, 3),
      repeat(layers, (i) => within(`encoders.${i}`, conformer(flowEncoder))),
      affine('up_layer.conv', width, width, 5),
      embed('up_embed'),
      repeat(upLayers, (i) => within(`up_encoders.${i}`, conformer(flowEncoder))),
    ),
    ...affine('encoder_proj', MEL_CHANNELS, width),
    ...within('decoder.estimator', estimator(flowEstimator)),
  ]
}

const conformer = ({ width, feedForward }: S3GenDimensions['flowEncoder']): Specs => [
  f32('self_attn.pos_bias_u', width / HEAD_WIDTH, HEAD_WIDTH),
  f32('self_attn.pos_bias_v', width / HEAD_WIDTH, HEAD_WIDTH),
  ...['q', 'k', 'v', 'out'].flatMap((part) => affine(`self_attn.linear_${part}`, width, width)),
  ...weight('self_attn.linear_pos', width, width),
  ...affine('feed_forward.w_1', feedForward, width),
  ...affine('feed_forward.w_2', width, feedForward),
  ...affine('norm_ff', width),
  ...affine('norm_mha', width),
]

function estimator(dimensions: S3GenDimensions['flowEstimator']): Specs {
  const { channels, timeWidth, attentionWidth, feedForward, transformerBlocks, midBlocks } = dimensions
  const inChannels = 4 * MEL_CHANNELS
  const causalBlock = (name: string, from: number) =>
    within(name, affine('block.0', channels, from, 3), affine('block.2', channels))
  const resnet = (from: number) => [
    ...affine('mlp.1', channels, timeWidth),
    ...causalBlock('block1', from),
    ...causalBlock('block2', channels),
    ...affine('res_conv', channels, from, 1),
  ]
  const transformer = [
    ...affine('norm1', channels),
    ...['q', 'k', 'v'].flatMap((part) => weight(`attn1.to_${part}`, attentionWidth, channels)),
    ...affine('attn1.to_out.0', channels, attentionWidth),
    ...affine('norm3', channels),
    ...affine('ff.net.0.proj', feedForward, channels),
    ...affine('ff.net.2', channels, feedForward),
  ]
  const stage = (name: string, from: number) =>
    within(
      name,
      within('0', resnet(from)),
      repeat(transformerBlocks, (j) => within(`1.${j}`, transformer)),
    )
  return [
    ...affine('time_mlp.linear_1', timeWidth, inChannels),
    ...affine('time_mlp.linear_2', timeWidth, timeWidth),
    ...stage('down_blocks.0', inChannels),
    ...affine('down_blocks.0.2', channels, channels, 3),
    ...repeat(midBlocks, (i) => stage(`mid_blocks.${i}`, channels)),
    ...stage('up_blocks.0', 2 * channels),
    ...affine('up_blocks.0.2', channels, channels, 3),
    ...causalBlock('final_block', channels),
    ...affine('final_proj', MEL_CHANNELS, channels, 1),
    ...weight('time_embed_mixer', timeWidth, 2 * timeWidth),
  ]
}

/** A weight-normed convolution: `original0` is the length, `original1` the direction. The first axis of `shape` carries the norm. */
const weightNormed = (name: string, biasSize: number, ...shape: [number, number, number]): Specs =>
  within(
    name,
    f32('bias', biasSize),
    f32('parametrizations.weight.original0', shape[0], 1, 1),
    f32('parametrizations.weight.original1', ...shape),
  )

function vocoder({ channels, f0Channels }: S3GenDimensions['vocoder']): Specs {
  const widths = [channels / 2, channels / 4, channels / 8] as const
  const resblock = (name: string, width: number, kernel: number) => {
    const convolutions = ['convs1', 'convs2'].flatMap((list) =>
      repeat(3, (j) => weightNormed(`${list}.${j}`, width, width, width, kernel)),
    )
    const alphas = ['activations1', 'activations2'].flatMap((list) =>
      repeat(3, (j) => [f32(`${list}.${j}.alpha`, width)]),
    )
    return within(name, convolutions, alphas)
  }
  return [
    ...affine('m_source.l_linear', 1, 9),
    ...weightNormed('conv_pre', channels, channels, MEL_CHANNELS, 7),
    ...widths.flatMap((width, i) => weightNormed(`ups.${i}`, width, 2 * width, width, [16, 11, 7][i] ?? 0)),
    ...widths.flatMap((width, i) => affine(`source_downs.${i}`, width, 18, [30, 6, 1][i] ?? 0)),
    ...widths.flatMap((width, i) => resblock(`source_resblocks.${i}`, width, [7, 7, 11][i] ?? 0)),
    ...widths.flatMap((width, i) =>
      [3, 7, 11].flatMap((kernel, j) => resblock(`resblocks.${3 * i + j}`, width, kernel)),
    ),
    ...weightNormed('conv_post', 18, 18, widths[2], 7),
    ...repeat(5, (i) =>
      weightNormed(`f0_predictor.condnet.${2 * i}`, f0Channels, f0Channels, i === 0 ? MEL_CHANNELS : f0Channels, 3),
    ),
    ...affine('f0_predictor.classifier', 1, f0Channels),
  ]
}

export type CheckpointFile =
  | 've.safetensors'
  | 's3gen_meanflow.safetensors'
  | 't3_turbo_v1.safetensors'
  | 't3_nano_v1.safetensors'

export function tensorsOf(file: CheckpointFile, dimensions: Dimensions): Specs {
  if (file === 've.safetensors') return voiceEncoderTensors(dimensions.voiceEncoder)
  if (file === 's3gen_meanflow.safetensors') return s3genTensors(dimensions.s3gen)
  return languageModelTensors(dimensions.languageModel, dimensions.voiceEncoder.embedding)
}
