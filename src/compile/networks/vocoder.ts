// The vocoder: mel → samples, in two graphs with the harmonic source (engine/chatterbox/decoder/harmonic-source.ts) between them.
// HiFT: a HiFi-GAN that is given its excitation and predicts short-time spectra. https://arxiv.org/abs/2309.09493
import type { WeightScope } from '../checkpoint/weights.ts'
import { MEL_CHANNELS, type S3GenDimensions } from '../dimensions.ts'
import { type Conv1dOptions, conv1d, conv1dWith } from '../layers/conv1d.ts'
import { linear } from '../layers/linear.ts'
import { inverseShortTimeFourier, SPECTRUM_CHANNELS, shortTimeFourier } from '../layers/short-time-fourier.ts'
import { snakeBlock } from '../layers/snake-block.ts'
import { upsamplingConv1d } from '../layers/upsampling-conv1d.ts'
import { takeNormedWeight } from '../layers/weight-norm.ts'
import { Graph, type GraphOptions, type Value } from '../onnx/graph.ts'
import { abs, add, clip, elu, leakyRelu, mul, pad, reshape, transpose } from '../onnx/operators.ts'
import { sizeAt } from '../onnx/shapes.ts'

type VocoderDimensions = S3GenDimensions['vocoder']

const HARMONICS = 9
const UPSAMPLINGS = [
  { stride: 8, kernel: 16, sourceKernel: 30, sourceStride: 15, sourceBlockKernel: 7 },
  { stride: 5, kernel: 11, sourceKernel: 6, sourceStride: 3, sourceBlockKernel: 7 },
  { stride: 3, kernel: 7, sourceKernel: 1, sourceStride: 1, sourceBlockKernel: 11 },
] as const
const BLOCK_KERNELS = [3, 7, 11]
const F0_CONVOLUTIONS = 5
const LOUDEST_SAMPLE = 0.99

/**
 * Graph `f0-predictor`: `mel` [1, frames, 80] → `f0` [1, frames] in Hz. It also returns the source's learned mix of harmonics,
 * `harmonic_weights` [9] and `harmonic_bias` [1], which are constants. `weights` is the scope `mel2wav`.
 */
export function f0Predictor(weights: WeightScope, dimensions: VocoderDimensions, options?: GraphOptions): Graph {
  const graph = new Graph('f0-predictor', options)
  const mel = graph.input('mel', 'float32', [1, 'frames', MEL_CHANNELS])
  const predictor = weights.at('f0_predictor')
  const channels = dimensions.f0Channels
  let x = transpose(mel, [0, 2, 1])
  for (let layer = 0; layer < F0_CONVOLUTIONS; layer++)
    x = elu(normedConv1d(x, predictor.at('condnet', 2 * layer), channels, { kernel: 3, padding: 1 }))
  const hertz = abs(linear(transpose(x, [0, 2, 1]), predictor.at('classifier'), channels, 1))
  graph.output('f0', reshape(hertz, [1, 'frames']))
  const mix = weights.at('m_source', 'l_linear')
  const constant = (name: string, part: string, shape: readonly number[], size: number) =>
    graph.output(name, graph.weight(mix.path(part), { ...mix.take(part, shape), shape: [size] }))
  constant('harmonic_weights', 'weight', [1, HARMONICS], HARMONICS)
  constant('harmonic_bias', 'bias', [1], 1)
  return graph
}

/** Graph `vocoder`: `mel` [1, frames, 80], `source` [1, samples] → `samples` [1, samples] within ±0.99. `weights` is the scope `mel2wav`. */
export function vocoder(weights: WeightScope, dimensions: VocoderDimensions, options?: GraphOptions): Graph {
  const graph = new Graph('vocoder', options)
  const mel = graph.input('mel', 'float32', [1, 'frames', MEL_CHANNELS])
  const source = graph.input('source', 'float32', [1, 'samples'])
  const excitation = shortTimeFourier(reshape(source, [1, 1, 'samples']))

  let x = normedConv1d(transpose(mel, [0, 2, 1]), weights.at('conv_pre'), dimensions.channels, {
    kernel: 7,
    padding: 3,
  })
  for (const [stage, upsampling] of UPSAMPLINGS.entries()) {
    const last = stage === UPSAMPLINGS.length - 1
    const raised = upsample(leakyRelu(x, 0.1), weights.at('ups', stage), upsampling)
    // One step more at the front, mirrored: the spectra have one frame more than there are hops.
    x = withSource(last ? pad(raised, 2, 1, 0, 'reflect') : raised, excitation, stage, weights)
    x = meanOfBlocks(x, stage, weights)
  }
  // The official code has torch's default slope here, not the 0.1 of the stages.
  const prediction = normedConv1d(leakyRelu(x, 0.01), weights.at('conv_post'), SPECTRUM_CHANNELS, {
    kernel: 7,
    padding: 3,
  })
  graph.probe('conv_post_out', prediction)
  const samples = clip(inverseShortTimeFourier(prediction, 'samples'), -LOUDEST_SAMPLE, LOUDEST_SAMPLE)
  graph.output('samples', reshape(samples, [1, 'samples']))
  return graph
}

function normedConv1d(x: Value, weights: WeightScope, outChannels: number, options: Conv1dOptions): Value {
  const weight = takeNormedWeight(weights, [outChannels, sizeAt(x.shape, 1), options.kernel])
  return conv1dWith(x, weight, weights.take('bias', [outChannels]), options)
}

function upsample(x: Value, weights: WeightScope, { stride, kernel }: (typeof UPSAMPLINGS)[number]): Value {
  const channels = sizeAt(x.shape, 1)
  const weight = takeNormedWeight(weights, [channels, channels / 2, kernel])
  return upsamplingConv1d(x, weight, weights.take('bias', [channels / 2]), { stride, padding: (kernel - stride) / 2 })
}

/** Adds the source, brought to this stage's rate and through a block of its own. */
function withSource(x: Value, excitation: Value, stage: number, weights: WeightScope): Value {
  const { sourceKernel, sourceStride, sourceBlockKernel } = UPSAMPLINGS[stage] as (typeof UPSAMPLINGS)[number]
  const options = { kernel: sourceKernel, stride: sourceStride, padding: Math.floor(sourceStride / 2) }
  const lowered = conv1d(excitation, weights.at('source_downs', stage), sizeAt(x.shape, 1), options)
  const excited = snakeBlock(lowered, weights.at('source_resblocks', stage), sourceBlockKernel)
  return add(x, { ...excited, shape: x.shape })
}

function meanOfBlocks(x: Value, stage: number, weights: WeightScope): Value {
  const blocks = BLOCK_KERNELS.map((kernel, block) =>
    snakeBlock(x, weights.at('resblocks', stage * BLOCK_KERNELS.length + block), kernel),
  )
  return mul(blocks.reduce(add), 1 / BLOCK_KERNELS.length)
}
