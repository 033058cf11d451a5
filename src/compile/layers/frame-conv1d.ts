// One-dimensional convolution over x [1, frames, channels]: neighbouring frames side by side, then one matrix product.
// Beside layers that work on rows this saves two transposes, and the product runs at the full speed of a matrix product.
import { invariant } from '../../errors.ts'
import type { WeightScope } from '../checkpoint/weights.ts'
import type { Value } from '../onnx/graph.ts'
import { add, concat, matMul, pad, slice } from '../onnx/operators.ts'
import { dimensionAt, sizeAt } from '../onnx/shapes.ts'
import { type FloatTensor, floatTensor } from '../tensor.ts'

export interface FrameConv1dOptions {
  readonly kernel: number
  /** How many of the kernel's frames lie after the present one: 0 is a causal convolution. Frames beyond either end are zero. */
  readonly lookahead?: number
  readonly bias?: boolean
}

/** x [1, frames, in] → [1, frames, out]; takes a torch Conv1d's `weight` [out, in, kernel] and, unless told otherwise, `bias` [out]. */
export function frameConv1d(x: Value, weights: WeightScope, outSize: number, options: FrameConv1dOptions): Value {
  const { kernel, lookahead = 0 } = options
  invariant(lookahead < kernel, `a kernel of ${kernel} frames cannot look ${lookahead} ahead`)
  const weight = stackedTaps(weights.take('weight', [outSize, sizeAt(x.shape, -1), kernel]))
  const product = matMul(neighbourFrames(x, kernel, lookahead), x.graph.weight(weight.name, weight))
  if (options.bias === false) return product
  return add(product, x.graph.weight(weights.path('bias'), weights.take('bias', [outSize])))
}

/** x [1, frames, size] → [1, frames, kernel · size]: every frame after the ones before it and before the ones after it. */
function neighbourFrames(x: Value, kernel: number, lookahead: number): Value {
  if (kernel === 1) return x
  const frames = dimensionAt(x.shape, 1)
  const padded = pad(x, 1, kernel - 1 - lookahead, lookahead)
  const shifted = Array.from({ length: kernel }, (_, tap) => {
    const end = tap - kernel + 1
    return slice(padded, 1, tap, end === 0 ? Number.MAX_SAFE_INTEGER : end, frames)
  })
  return concat(shifted, 2)
}

/** [out, in, kernel] → [kernel · in, out]. */
function stackedTaps(weight: FloatTensor): FloatTensor {
  const [outSize = 0, inSize = 0, kernel = 0] = weight.shape
  return floatTensor(weight.name, [kernel * inSize, outSize], () => {
    const values = weight.read()
    const stacked = new Float32Array(values.length)
    for (let out = 0; out < outSize; out++) {
      for (let channel = 0; channel < inSize; channel++) {
        for (let tap = 0; tap < kernel; tap++) {
          stacked[(tap * inSize + channel) * outSize + out] = values[(out * inSize + channel) * kernel + tap] ?? 0
        }
      }
    }
    return stacked
  })
}
