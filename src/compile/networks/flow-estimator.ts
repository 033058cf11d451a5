// The flow's estimator: noise on its way to a mel → the mean velocity between two times (meanflow, https://arxiv.org/abs/2505.13447).
// A U-net without downsampling: one block down, twelve in the middle, one up, each a causal residual block and transformers.
import type { WeightScope } from '../checkpoint/weights.ts'
import { MEL_CHANNELS, type S3GenDimensions } from '../dimensions.ts'
import { flowTransformers } from '../layers/flow-transformer.ts'
import { frameConv1d } from '../layers/frame-conv1d.ts'
import { linear } from '../layers/linear.ts'
import { mish } from '../layers/mish.ts'
import { layerNorm } from '../layers/norm.ts'
import { Graph, type GraphOptions, type Value } from '../onnx/graph.ts'
import { add, concat, cos, mul, reshape, silu, sin } from '../onnx/operators.ts'
import { sizeAt } from '../onnx/shapes.ts'

type EstimatorDimensions = S3GenDimensions['flowEstimator']

/** The sinusoids see milliseconds, as in the text-to-speech models this one comes from. */
const TIME_SCALE = 1000

/**
 * Graph `flow-estimator`: `x`, `mu`, `prompt` [1, frames, 80], `speaker` [1, 80], `times` [2] = (from, to) → `velocity` [1, frames, 80].
 * `prompt` holds the prompt's mel in its first frames and zeros after. `weights` is the scope `flow.decoder.estimator`.
 */
export function flowEstimator(weights: WeightScope, dimensions: EstimatorDimensions, options?: GraphOptions): Graph {
  const graph = new Graph('flow-estimator', options)
  const width = dimensions.channels
  const [x, mu, prompt] = ['x', 'mu', 'prompt'].map((name) =>
    graph.input(name, 'float32', [1, 'frames', MEL_CHANNELS]),
  ) as [Value, Value, Value]
  const speaker = everyFrame(graph.input('speaker', 'float32', [1, MEL_CHANNELS]), x)
  const time = timeEmbedding(graph.input('times', 'float32', [2]), weights, dimensions)
  graph.probe('time_embedding', time)
  const timeSignal = mish(time)
  const residual = (input: Value, scope: WeightScope) => residualBlock(input, timeSignal, scope, width)

  const down = weights.at('down_blocks', 0)
  const skip = flowTransformers(residual(concat([x, mu, speaker, prompt], 2), down.at(0)), down.at(1), dimensions)
  let hidden = frameConv1d(skip, down.at(2), width, { kernel: 3 })
  graph.probe('down', hidden)
  for (let block = 0; block < dimensions.midBlocks; block++) {
    const middle = weights.at('mid_blocks', block)
    hidden = residual(hidden, middle.at(0))
    graph.probe(`middle_residual_${block}`, hidden)
    hidden = flowTransformers(hidden, middle.at(1), dimensions)
    graph.probe(`middle_${block}`, hidden)
  }
  const up = weights.at('up_blocks', 0)
  hidden = flowTransformers(residual(concat([hidden, skip], 2), up.at(0)), up.at(1), dimensions)
  hidden = normedConv(frameConv1d(hidden, up.at(2), width, { kernel: 3 }), weights.at('final_block'), width)
  graph.output('velocity', frameConv1d(hidden, weights.at('final_proj'), MEL_CHANNELS, { kernel: 1 }))
  return graph
}

/** row [1, size] → [1, frames, size], the frames of `like`. */
function everyFrame(row: Value, like: Value): Value {
  const shape = row.graph.node1('Shape', [like], { dtype: 'int64', shape: [3] })
  const frame = reshape(row, [1, 1, sizeAt(row.shape, -1)])
  return row.graph.node1('Expand', [frame, shape], { dtype: 'float32', shape: like.shape })
}

/** times [2] → [1, timeWidth]: both times as sinusoids through one perceptron, then mixed. */
function timeEmbedding(times: Value, weights: WeightScope, { timeWidth }: EstimatorDimensions): Value {
  const { graph } = times
  const sinusoids = 4 * MEL_CHANNELS
  const angles = mul(mul(reshape(times, [2, 1]), TIME_SCALE), graph.constant('float32', timeFrequencies(sinusoids / 2)))
  const perceptron = weights.at('time_mlp')
  const hidden = silu(linear(concat([sin(angles), cos(angles)], 1), perceptron.at('linear_1'), sinusoids, timeWidth))
  const both = reshape(linear(hidden, perceptron.at('linear_2'), timeWidth, timeWidth), [1, 2 * timeWidth])
  return linear(both, weights.at('time_embed_mixer'), 2 * timeWidth, timeWidth, { bias: false })
}

/** From 1 down to 1 / 10000, in float32 steps as the official code takes them: at an angle of 1000 every rounding shows. */
function timeFrequencies(count: number): number[] {
  const step = Math.fround(-Math.log(10000) / (count - 1))
  return Array.from({ length: count }, (_, i) => Math.fround(Math.exp(Math.fround(i * step))))
}

/** Two normed convolutions with the time added between, around a linear shortcut. */
function residualBlock(x: Value, timeSignal: Value, weights: WeightScope, width: number): Value {
  const time = linear(timeSignal, weights.at('mlp', 1), sizeAt(timeSignal.shape, -1), width)
  const first = add(normedConv(x, weights.at('block1'), width), time)
  const second = normedConv(first, weights.at('block2'), width)
  return add(second, frameConv1d(x, weights.at('res_conv'), width, { kernel: 1 }))
}

/** Causal convolution, layer norm over the channels, mish. */
function normedConv(x: Value, weights: WeightScope, width: number): Value {
  const block = weights.at('block')
  return mish(layerNorm(frameConv1d(x, block.at(0), width, { kernel: 3 }), block.at(2)))
}
