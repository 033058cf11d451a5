// Two-dimensional convolution followed by a batch norm, folded into one: x [batch, channels, height, width].
import { invariant } from '../../errors.ts'
import type { WeightScope } from '../checkpoint/weights.ts'
import type { Value } from '../onnx/graph.ts'
import { dimensionAt, sizeAt, windowedLength } from '../onnx/shapes.ts'
import { readBatchNorm, scaledChannels, shiftTensor } from './norm.ts'

export interface Conv2dOptions {
  /** Square. */
  readonly kernel: number
  readonly stride?: readonly [number, number]
  /** Zeros on all four sides. */
  readonly padding?: number
}

/** Convolution without bias, then batch norm; takes `weight` [out, in, k, k] of one scope and the statistics of the other. */
export function conv2dBatchNorm(
  x: Value,
  weights: WeightScope,
  norm: WeightScope,
  outChannels: number,
  { kernel, stride = [1, 1], padding = 0 }: Conv2dOptions,
): Value {
  const weight = weights.take('weight', [outChannels, sizeAt(x.shape, 1), kernel, kernel])
  const affine = readBatchNorm(norm, outChannels)
  const scaled = scaledChannels(weight, affine)
  const bias = shiftTensor(norm.path('shift'), affine)
  const size = ([2, 3] as const).map((axis) =>
    windowedLength(dimensionAt(x.shape, axis), {
      kernel,
      stride: stride[axis - 2] ?? 1,
      dilation: 1,
      padding: [padding, padding],
    }),
  )
  invariant(x.shape.length === 4, 'conv2d needs [batch, channels, height, width]')
  return x.graph.node1(
    'Conv',
    [x, x.graph.weight(scaled.name, scaled), x.graph.weight(bias.name, bias)],
    { dtype: x.dtype, shape: [dimensionAt(x.shape, 0), outChannels, ...size] },
    {
      attributes: {
        kernel_shape: [kernel, kernel],
        strides: stride,
        pads: [padding, padding, padding, padding],
        dilations: [1, 1],
        group: 1,
      },
    },
  )
}
