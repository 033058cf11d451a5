// y = x W + b, as torch.nn.Linear.
import type { WeightScope } from '../checkpoint/weights.ts'
import type { Value } from '../onnx/graph.ts'
import { add, matMul } from '../onnx/operators.ts'
import { transposed } from '../tensor.ts'

/** x [..., in] → [..., out]; takes `weight` [out, in] and, unless told otherwise, `bias` [out]. */
export function linear(
  x: Value,
  weights: WeightScope,
  inSize: number,
  outSize: number,
  options: { bias?: boolean } = {},
): Value {
  const weight = transposed(weights.take('weight', [outSize, inSize]))
  const product = matMul(x, x.graph.weight(weight.name, weight))
  if (options.bias === false) return product
  return add(product, x.graph.weight(weights.path('bias'), weights.take('bias', [outSize])))
}
