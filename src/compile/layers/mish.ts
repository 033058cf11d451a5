// Mish, x · tanh(ln(1 + eˣ)), https://arxiv.org/abs/1908.08681.
import type { Value } from '../onnx/graph.ts'
import { div, mul, sigmoid, sub } from '../onnx/operators.ts'

/**
 * ONNX Runtime expands its own Mish into a scalar Softplus of 10 ns a value; with s = sigmoid(x) and q = s (2 − s) the same function is
 * x · q / (2 − q): no cancellation for negative x, no overflow for large x.
 */
export function mish(x: Value): Value {
  const gate = sigmoid(x)
  const q = mul(gate, sub(2, gate))
  return mul(x, div(q, sub(2, q)))
}
