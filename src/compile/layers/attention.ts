// Scaled dot-product attention over heads of fixed width, without masks.
import type { Value } from '../onnx/graph.ts'
import { matMul, reshape, softmax, transpose } from '../onnx/operators.ts'
import { dimensionAt, sizeAt } from '../onnx/shapes.ts'

/** [batch, time, width] → [batch, time, heads, width / heads]. */
export function splitHeads(x: Value, headWidth: number): Value {
  const heads = sizeAt(x.shape, 2) / headWidth
  return reshape(x, [dimensionAt(x.shape, 0), dimensionAt(x.shape, 1), heads, headWidth])
}

/** Softmax(q kᵀ) v: q, k, v [batch, time, heads, width], already scaled → [batch, time, heads · width]. */
export function attend(q: Value, k: Value, v: Value): Value {
  const scores = matMul(transpose(q, [0, 2, 1, 3]), transpose(k, [0, 2, 3, 1])) // [batch, heads, time, time]
  const mixed = matMul(softmax(scores), transpose(v, [0, 2, 1, 3])) // [batch, heads, time, width]
  const width = sizeAt(q.shape, 2) * sizeAt(q.shape, 3)
  return reshape(transpose(mixed, [0, 2, 1, 3]), [dimensionAt(q.shape, 0), dimensionAt(q.shape, 1), width])
}
