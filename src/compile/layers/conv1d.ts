// One-dimensional convolutions over x [batch, channels, time].
import { invariant } from '../../errors.ts'
import type { WeightScope } from '../checkpoint/weights.ts'
import type { Value } from '../onnx/graph.ts'
import { type Dimension, dimensionAt, sizeAt, times, windowedLength } from '../onnx/shapes.ts'
import type { FloatTensor } from '../tensor.ts'

export interface Conv1dOptions {
  readonly kernel: number
  readonly stride?: number
  readonly dilation?: number
  readonly groups?: number
  /** Zeros before and after; a single number for both. Default none. */
  readonly padding?: number | readonly [number, number]
  readonly bias?: boolean
}

/** Zeros on both sides that keep the length of an odd kernel. */
export const samePadding = (kernel: number, dilation = 1): number => (dilation * (kernel - 1)) / 2

/** torch.nn.Conv1d: x [batch, in, time] → [batch, out, time']; takes `weight` [out, in / groups, kernel] and `bias` [out]. */
export function conv1d(x: Value, weights: WeightScope, outChannels: number, options: Conv1dOptions): Value {
  const inChannels = sizeAt(x.shape, 1) / (options.groups ?? 1)
  const weight = weights.take('weight', [outChannels, inChannels, options.kernel])
  const bias = options.bias === false ? undefined : weights.take('bias', [outChannels])
  return conv1dWith(x, weight, bias, options)
}

/**
 * The same with tensors that were already taken or computed, e.g. from a weight norm. x may also be an image of height 1,
 * [batch, in, 1, time]: ONNX Runtime has its blocked convolutions (NCHWc) for images only, and they are up to 1.3 times as fast.
 */
export function conv1dWith(
  x: Value,
  weight: FloatTensor,
  bias: FloatTensor | undefined,
  options: Conv1dOptions,
): Value {
  const { kernel, stride = 1, dilation = 1, groups = 1 } = options
  const padding = typeof options.padding === 'number' ? [options.padding, options.padding] : (options.padding ?? [0, 0])
  const [before = 0, after = 0] = padding
  const [outChannels = 0, inChannels = 0] = weight.shape
  invariant(inChannels * groups === sizeAt(x.shape, 1), `${weight.name} wants ${inChannels * groups} channels`)
  const time = windowedLength(dimensionAt(x.shape, -1), { kernel, stride, dilation, padding: [before, after] })
  const height = x.shape.length === 4 ? [1] : []
  const shaped = { ...weight, shape: [outChannels, inChannels, ...height, kernel] }
  const margin = height.map(() => 0)
  return x.graph.node1(
    'Conv',
    [x, x.graph.weight(weight.name, shaped), bias && x.graph.weight(bias.name, bias)],
    { dtype: x.dtype, shape: [dimensionAt(x.shape, 0), outChannels, ...height, time] },
    {
      attributes: {
        kernel_shape: [...height, kernel],
        strides: [...height, stride],
        dilations: [...height, dilation],
        pads: [...margin, before, ...margin, after],
        group: groups,
      },
    },
  )
}

/** torch.nn.ConvTranspose1d with tensors already taken: `weight` [in, out, kernel]; time → (time − 1) · stride + kernel − 2 · padding. */
export function convTranspose1dWith(
  x: Value,
  weight: FloatTensor,
  bias: FloatTensor,
  options: { readonly stride: number; readonly padding: number },
): Value {
  const [inChannels, outChannels = 0, kernel = 0] = weight.shape
  invariant(inChannels === sizeAt(x.shape, 1), `${weight.name} wants ${inChannels} channels`)
  const { stride, padding } = options
  const time = transposedLength(dimensionAt(x.shape, 2), stride, kernel - 2 * padding)
  return x.graph.node1(
    'ConvTranspose',
    [x, x.graph.weight(weight.name, weight), x.graph.weight(bias.name, bias)],
    { dtype: x.dtype, shape: [dimensionAt(x.shape, 0), outChannels, time] },
    { attributes: { kernel_shape: [kernel], strides: [stride], pads: [padding, padding] } },
  )
}

function transposedLength(time: Dimension, stride: number, tail: number): Dimension {
  if (typeof time === 'number') return (time - 1) * stride + tail
  const extra = tail - stride
  return extra === 0 ? times(time, stride) : `${times(time, stride)} + ${extra}`
}
