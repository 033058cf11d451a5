// Normalisations: over the last axis (layer norm), and with fixed statistics per channel (batch norm at inference).
import type { WeightScope } from '../checkpoint/weights.ts'
import type { Value } from '../onnx/graph.ts'
import { add, mul } from '../onnx/operators.ts'
import { sizeAt } from '../onnx/shapes.ts'
import { type FloatTensor, floatTensor } from '../tensor.ts'

/** Layer norm over the last axis of x [..., size]; takes `weight` and `bias` [size]. */
export function layerNorm(x: Value, weights: WeightScope, epsilon = 1e-5): Value {
  const size = sizeAt(x.shape, -1)
  const [scale, bias] = ['weight', 'bias'].map((name) => x.graph.weight(weights.path(name), weights.take(name, [size])))
  const attributes = { axis: -1, epsilon: { float: epsilon } }
  return x.graph.node1('LayerNormalization', [x, scale, bias], { dtype: x.dtype, shape: x.shape }, { attributes })
}

export interface ChannelAffine {
  /** y = x · scale + shift per channel. */
  readonly scale: Float64Array
  readonly shift: Float64Array
}

/** A batch norm's running statistics as one product and one sum, in float64. Takes its tensors; `affine: false` has no weight and bias. */
export function readBatchNorm(
  weights: WeightScope,
  channels: number,
  options: { affine?: boolean } = {},
): ChannelAffine {
  const read = (name: string) => weights.take(name, [channels]).read()
  const affine = options.affine ?? true
  const gain = affine ? read('weight') : undefined
  const bias = affine ? read('bias') : undefined
  const mean = read('running_mean')
  const variance = read('running_var')
  const scale = Float64Array.from(variance, (value, i) => (gain?.[i] ?? 1) / Math.sqrt(value + BATCH_NORM_EPSILON))
  const shift = Float64Array.from(mean, (value, i) => (bias?.[i] ?? 0) - value * (scale[i] ?? 0))
  return { scale, shift }
}

/** torch's default. */
const BATCH_NORM_EPSILON = 1e-5

/** A convolution's weight [out, ...] with the product folded in: channel by channel, rounded to float32 once. */
export function scaledChannels(weight: FloatTensor, { scale }: ChannelAffine): FloatTensor {
  return floatTensor(weight.name, weight.shape, () => {
    const values = weight.read()
    const perChannel = values.length / scale.length
    return values.map((value, i) => value * (scale[Math.floor(i / perChannel)] ?? 0))
  })
}

/** The sum as the bias of that convolution. */
export const shiftTensor = (name: string, { shift }: ChannelAffine): FloatTensor =>
  floatTensor(name, [shift.length], () => Float32Array.from(shift))

/** Batch norm of x [batch, channels, ...] as one product and one sum. */
export function batchNorm(x: Value, weights: WeightScope, options: { affine?: boolean } = {}): Value {
  const channels = sizeAt(x.shape, 1)
  const { scale, shift } = readBatchNorm(weights, channels, options)
  const shape = [channels, ...x.shape.slice(2).map(() => 1)]
  const weight = (name: string, values: Float64Array) =>
    x.graph.weight(
      weights.path(name),
      floatTensor(weights.path(name), shape, () => Float32Array.from(values)),
    )
  return add(mul(x, weight('scale', scale)), weight('shift', shift))
}
