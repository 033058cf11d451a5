// Speaker encoder (CAM++, https://arxiv.org/abs/2303.00332): filter-bank features → one x-vector of 192.
// A small residual 2-D head, a time-delay layer, three densely connected blocks with context-aware masks, statistics over time.
import type { WeightScope } from '../checkpoint/weights.ts'
import { type S3GenDimensions, XVECTOR_SIZE } from '../dimensions.ts'
import { conv1d, conv1dWith, samePadding } from '../layers/conv1d.ts'
import { conv2dBatchNorm } from '../layers/conv2d.ts'
import { batchNorm, readBatchNorm, scaledChannels, shiftTensor } from '../layers/norm.ts'
import { Graph, type GraphOptions, type Value } from '../onnx/graph.ts'
import {
  add,
  concat,
  div,
  mean,
  mul,
  named,
  relu,
  reshape,
  sigmoid,
  sqrt,
  squeeze,
  sub,
  sum,
  transpose,
  unsqueeze,
} from '../onnx/operators.ts'
import { sizeAt } from '../onnx/shapes.ts'

const FEATURES = 80
const HEAD_CHANNELS = 32
const GROWTH = 32
const BOTTLENECK = 4 * GROWTH
/** Frames whose mean a mask may look at besides that of the whole recording. */
const SEGMENT_FRAMES = 100
/** Dilation of the three dense blocks. */
const DILATIONS = [1, 2, 2] as const

/** `features` [1, frames, 80], mean of each channel already subtracted → `xvector` [1, 192], not normalised. */
export function buildSpeakerEncoder(
  weights: WeightScope,
  { blockLayers }: S3GenDimensions['speakerEncoder'],
  options: GraphOptions = {},
): Graph {
  const graph = new Graph('speaker-encoder', options)
  const features = graph.input('features', 'float32', [1, 'frames', FEATURES])
  const head = residualHead(unsqueeze(transpose(features, [0, 2, 1]), [1]), weights.at('head'))
  graph.probe('head_out', head)
  const xvector = weights.at('xvector')
  let x: Value = relu(
    conv1dBatchNorm(head, xvector.at('tdnn', 'linear'), xvector.at('tdnn', 'nonlinear', 'batchnorm'), 128, {
      kernel: 5,
      stride: 2,
      padding: 2,
    }),
  )
  x = named(x, [1, 128, 'steps'])
  const segments = segmentOf(x)
  for (const [block, layers] of blockLayers.entries()) {
    const dilation = DILATIONS[block] ?? 1
    for (let layer = 1; layer <= layers; layer++) {
      const grown = denseLayer(x, xvector.at(`block${block + 1}`, `tdnnd${layer}`), dilation, segments)
      x = concat([x, grown], 1)
    }
    const transit = xvector.at(`transit${block + 1}`)
    const channels = sizeAt(x.shape, 1)
    x = relu(batchNorm(x, transit.at('nonlinear', 'batchnorm')))
    x = conv1d(x, transit.at('linear'), channels / 2, { kernel: 1, bias: false })
  }
  x = statistics(relu(batchNorm(x, xvector.at('out_nonlinear', 'batchnorm'))))
  const dense = conv1dBatchNorm(
    x,
    xvector.at('dense', 'linear'),
    xvector.at('dense', 'nonlinear', 'batchnorm'),
    XVECTOR_SIZE,
    { kernel: 1, affine: false },
  )
  graph.output('xvector', squeeze(dense, [2]))
  return graph
}

/** [1, 1, 80, frames] → [1, 320, frames]: the frequency axis shrinks to 10 and joins the 32 channels. */
function residualHead(x: Value, weights: WeightScope): Value {
  const convolve = (input: Value, scope: WeightScope, index: number, stride: readonly [number, number] = [1, 1]) =>
    conv2dBatchNorm(input, scope.at(`conv${index}`), scope.at(`bn${index}`), HEAD_CHANNELS, {
      kernel: 3,
      stride,
      padding: 1,
    })
  const residual = (input: Value, scope: WeightScope, stride: readonly [number, number]) => {
    const inner = convolve(relu(convolve(input, scope, 1, stride)), scope, 2)
    const shortcut = scope.has('shortcut.0.weight')
      ? conv2dBatchNorm(input, scope.at('shortcut', 0), scope.at('shortcut', 1), HEAD_CHANNELS, { kernel: 1, stride })
      : input
    return relu(add(inner, shortcut))
  }
  let out = relu(convolve(x, weights, 1))
  for (const stage of ['layer1', 'layer2']) {
    out = residual(out, weights.at(stage, 0), [2, 1])
    out = residual(out, weights.at(stage, 1), [1, 1])
  }
  out = relu(convolve(out, weights, 2, [2, 1]))
  return reshape(out, [1, HEAD_CHANNELS * sizeAt(out.shape, 2), 'frames'])
}

interface Conv1dBatchNormOptions {
  readonly kernel: number
  readonly stride?: number
  readonly padding?: number
  readonly affine?: boolean
}

/** Convolution without bias, then batch norm, folded into one. */
function conv1dBatchNorm(
  x: Value,
  weights: WeightScope,
  norm: WeightScope,
  outChannels: number,
  options: Conv1dBatchNormOptions,
): Value {
  const weight = weights.take('weight', [outChannels, sizeAt(x.shape, 1), options.kernel])
  const folded = readBatchNorm(norm, outChannels, { affine: options.affine ?? true })
  return conv1dWith(x, scaledChannels(weight, folded), shiftTensor(norm.path('shift'), folded), options)
}

/** 32 new channels from all before them. */
function denseLayer(x: Value, weights: WeightScope, dilation: number, segments: Value): Value {
  const activated = relu(batchNorm(x, weights.at('nonlinear1', 'batchnorm')))
  const bottleneck = relu(
    conv1dBatchNorm(activated, weights.at('linear1'), weights.at('nonlinear2', 'batchnorm'), BOTTLENECK, { kernel: 1 }),
  )
  return contextAwareMask(bottleneck, weights.at('cam_layer'), dilation, segments)
}

/** Convolution, multiplied by a mask made of the mean over all time plus the mean over the segment a step lies in. */
function contextAwareMask(x: Value, weights: WeightScope, dilation: number, segments: Value): Value {
  const local = conv1d(x, weights.at('linear_local'), GROWTH, {
    kernel: 3,
    dilation,
    padding: samePadding(3, dilation),
    bias: false,
  })
  const context = add(mean(x, 2), segmentMeans(x, segments))
  const hidden = relu(conv1d(context, weights.at('linear1'), BOTTLENECK / 2, { kernel: 1 }))
  return mul(local, sigmoid(conv1d(hidden, weights.at('linear2'), GROWTH, { kernel: 1 })))
}

/** int64 [steps]: the segment of every step, 0 0 0 … 1 1 1 …, of x [1, channels, steps]. */
function segmentOf(x: Value): Value {
  const { graph } = x
  const [zero, one] = [graph.constant('int64', 0), graph.constant('int64', 1)]
  const shape = graph.node1('Shape', [x], { dtype: 'int64', shape: [3] })
  const steps = graph.node1('Gather', [shape, graph.constant('int64', 2)], { dtype: 'int64', shape: [] })
  const positions = graph.node1('Range', [zero, steps, one], { dtype: 'int64', shape: ['steps'] })
  return div(positions, graph.constant('int64', SEGMENT_FRAMES))
}

/** Mean of each segment, the last over its real length, repeated for every step of it. */
function segmentMeans(x: Value, segments: Value): Value {
  const [batch = 1, channels = 0] = x.shape
  const pooled = x.graph.node1(
    'AveragePool',
    [x],
    { dtype: 'float32', shape: [batch, channels, 'segments'] },
    { attributes: { kernel_shape: [SEGMENT_FRAMES], strides: [SEGMENT_FRAMES], ceil_mode: 1, count_include_pad: 0 } },
  )
  return x.graph.node1('Gather', [pooled, segments], x, { attributes: { axis: 2 } })
}

/** Mean and unbiased standard deviation over time: [1, channels, steps] → [1, 2 · channels, 1]. */
function statistics(x: Value): Value {
  const { graph } = x
  const center = mean(x, 2)
  const deviations = sub(x, center)
  const shape = graph.node1('Shape', [x], { dtype: 'int64', shape: [1] }, { attributes: { start: 2, end: 3 } })
  const steps = graph.node1('Cast', [shape], { dtype: 'float32', shape: [1] }, { attributes: { to: 1 } })
  const variance = div(sum(mul(deviations, deviations), 2), sub(steps, 1))
  return concat([center, sqrt(variance)], 1)
}
