// The flow's estimator: noise on its way to a mel → the mean velocity between two times (meanflow, https://arxiv.org/abs/2505.13447).
// A U-net without downsampling: one block down, twelve in the middle, one up, each a causal residual block and transformers.

import { EULER_STEPS } from '../../engine/chatterbox/decoder/euler-steps.ts'
import type { WeightScope } from '../checkpoint/weights.ts'
import { MEL_CHANNELS, type S3GenDimensions } from '../dimensions.ts'
import { flowTransformers } from '../layers/flow-transformer.ts'
import { frameConv1d } from '../layers/frame-conv1d.ts'
import { mish } from '../layers/mish.ts'
import { layerNorm } from '../layers/norm.ts'
import { type StepEmbeddings, takeStepEmbeddings, takeStepTable } from '../layers/step-embedding.ts'
import { Graph, type GraphOptions, type Value } from '../onnx/graph.ts'
import { add, concat, gatherRows, reshape } from '../onnx/operators.ts'
import { sizeAt } from '../onnx/shapes.ts'

type EstimatorDimensions = S3GenDimensions['flowEstimator']

/**
 * Graph `flow-estimator`: `x`, `mu`, `prompt` [1, frames, 80], `speaker` [1, 80], `step` int64 [1], an index into EULER_STEPS
 * → `velocity` [1, frames, 80].
 * `prompt` holds the prompt's mel in its first frames and zeros after. `weights` is the scope `flow.decoder.estimator`.
 */
export function flowEstimator(weights: WeightScope, dimensions: EstimatorDimensions, options?: GraphOptions): Graph {
  const graph = new Graph('flow-estimator', options)
  const width = dimensions.channels
  const [x, mu, prompt] = ['x', 'mu', 'prompt'].map((name) =>
    graph.input(name, 'float32', [1, 'frames', MEL_CHANNELS]),
  ) as [Value, Value, Value]
  const speaker = everyFrame(graph.input('speaker', 'float32', [1, MEL_CHANNELS]), x)
  const embeddings = takeStepEmbeddings(weights, dimensions.timeWidth, EULER_STEPS)
  const time = { step: graph.input('step', 'int64', [1]), embeddings, width: dimensions.timeWidth }
  const residual = (input: Value, scope: WeightScope) => residualBlock(input, time, scope, width)

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

interface Time {
  readonly step: Value
  readonly embeddings: StepEmbeddings
  readonly width: number
}

/** Two normed convolutions with the time added between, around a linear shortcut. */
function residualBlock(x: Value, time: Time, weights: WeightScope, width: number): Value {
  const table = takeStepTable(weights.at('mlp', 1), time.embeddings, time.width, width, EULER_STEPS.length)
  const moment = gatherRows(x.graph.weight(table.name, table), time.step)
  const first = add(normedConv(x, weights.at('block1'), width), moment)
  const second = normedConv(first, weights.at('block2'), width)
  return add(second, frameConv1d(x, weights.at('res_conv'), width, { kernel: 1 }))
}

/** Causal convolution, layer norm over the channels, mish. */
function normedConv(x: Value, weights: WeightScope, width: number): Value {
  const block = weights.at('block')
  return mish(layerNorm(frameConv1d(x, block.at(0), width, { kernel: 3 }), block.at(2)))
}
