// Transposed convolution over x [1, channels, time] as an ordinary one: each of the `stride` phases of the output is a convolution of its
// own, and all of them are computed as channels of one. ONNX Runtime's ConvTranspose reaches a third of the speed of its Conv.
import { invariant } from '../../errors.ts'
import type { Value } from '../onnx/graph.ts'
import { reshape, slice, transpose } from '../onnx/operators.ts'
import { dimensionAt, sizeAt, times } from '../onnx/shapes.ts'
import { type FloatTensor, floatTensor } from '../tensor.ts'
import { conv1dWith } from './conv1d.ts'

export interface UpsamplingOptions {
  readonly stride: number
  /** torch's padding: that many samples are cut off both ends. */
  readonly padding: number
}

/** torch.nn.ConvTranspose1d with `weight` [in, out, kernel]: x [1, in, time] → [1, out, stride · (time − 1) + kernel − 2 · padding]. */
export function upsamplingConv1d(
  x: Value,
  weight: FloatTensor,
  bias: FloatTensor | undefined,
  { stride, padding }: UpsamplingOptions,
): Value {
  const [inChannels = 0, outChannels = 0, kernel = 0] = weight.shape
  invariant(inChannels === sizeAt(x.shape, 1), `${weight.name} wants ${inChannels} channels`)
  const taps = Math.ceil(kernel / stride)
  const phases = conv1dWith(x, phaseWeights(weight, stride, taps), bias && phaseBias(bias, stride), {
    kernel: taps,
    padding: taps - 1,
  })
  const steps = dimensionAt(phases.shape, 2)
  const interleaved = transpose(reshape(phases, [1, stride, outChannels, steps]), [0, 2, 3, 1])
  const full = reshape(interleaved, [1, outChannels, times(steps, stride)])
  // The phases make stride · (time + taps − 1) samples; the transposed convolution ends earlier when the kernel is no multiple of it.
  const cutAtEnd = stride * taps - kernel + padding
  const time = dimensionAt(x.shape, 2)
  const extra = kernel - 2 * padding - stride
  const length = extra === 0 ? times(time, stride) : `${times(time, stride)} + ${extra}`
  return slice(full, 2, padding, cutAtEnd === 0 ? Number.MAX_SAFE_INTEGER : -cutAtEnd, length)
}

/** [in, out, kernel] → [stride · out, in, taps]: phase p takes every stride-th value of the kernel from p on, latest input first. */
function phaseWeights(weight: FloatTensor, stride: number, taps: number): FloatTensor {
  const [inChannels = 0, outChannels = 0, kernel = 0] = weight.shape
  return floatTensor(weight.name, [stride * outChannels, inChannels, taps], () => {
    const values = weight.read()
    const phased = new Float32Array(stride * outChannels * inChannels * taps)
    for (let channel = 0; channel < inChannels; channel++) {
      for (let out = 0; out < outChannels; out++) {
        for (let position = 0; position < kernel; position++) {
          const row = (position % stride) * outChannels + out
          const tap = taps - 1 - Math.floor(position / stride)
          phased[(row * inChannels + channel) * taps + tap] =
            values[(channel * outChannels + out) * kernel + position] ?? 0
        }
      }
    }
    return phased
  })
}

const phaseBias = (bias: FloatTensor, stride: number): FloatTensor =>
  floatTensor(bias.name, [stride * (bias.shape[0] ?? 0)], () => {
    const values = bias.read()
    return Float32Array.from({ length: stride * values.length }, (_, i) => values[i % values.length] ?? 0)
  })
