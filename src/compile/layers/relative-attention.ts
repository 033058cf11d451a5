// Multi-head self-attention with relative sinusoidal positions (Transformer-XL, as in Espnet and Wenet): every query also looks at the
// distance to the key. https://arxiv.org/abs/1901.02860, section 3.3.
import type { WeightScope } from '../checkpoint/weights.ts'
import { HEAD_WIDTH } from '../dimensions.ts'
import type { Value } from '../onnx/graph.ts'
import { add, matMul, reshape, transpose } from '../onnx/operators.ts'
import { dimensionAt, times } from '../onnx/shapes.ts'
import { floatTensor, transposed } from '../tensor.ts'
import { linear } from './linear.ts'

/**
 * x [1, time, size] → [1, time, size], every position attending to every other. `positions` [2 · time − 1, size] is the encoding of the
 * distances time − 1 … −(time − 1). Takes `linear_{q,k,v,out}` with bias, `linear_pos` without, `pos_bias_{u,v}` [heads, 64].
 */
export function relativeAttention(x: Value, positions: Value, weights: WeightScope, size: number): Value {
  const { graph } = x
  const heads = size / HEAD_WIDTH
  const query = linear(x, weights.at('linear_q'), size, size)
  const key = linear(x, weights.at('linear_k'), size, size)
  const value = linear(x, weights.at('linear_v'), size, size)
  const bias = (name: string) => {
    const tensor = weights.take(name, [heads, HEAD_WIDTH])
    return graph.weight(tensor.name, { ...tensor, shape: [size] })
  }
  const contentQuery = add(query, bias('pos_bias_u'))
  const positionQuery = add(query, bias('pos_bias_v'))
  const distanceScores = shiftToKeys(distanceProducts(positionQuery, positions, weights, heads))
  const attended = graph.node1(
    'MultiHeadAttention',
    [contentQuery, key, value, undefined, undefined, distanceScores],
    { dtype: 'float32', shape: x.shape },
    { domain: 'com.microsoft', attributes: { num_heads: heads } },
  )
  return linear(attended, weights.at('linear_out'), size, size)
}

/** Scores of every query with every distance, already divided by √64: [1, heads, time, 2 · time − 1]. */
function distanceProducts(query: Value, positions: Value, weights: WeightScope, heads: number): Value {
  const { graph } = query
  const size = heads * HEAD_WIDTH
  const weight = weights.at('linear_pos').take('weight', [size, size])
  // A power of two, so that scaling the weight rounds nothing.
  const scale = 1 / Math.sqrt(HEAD_WIDTH)
  const scaled = transposed(floatTensor(weight.name, weight.shape, () => weight.read().map((value) => value * scale)))
  const projected = matMul(positions, graph.weight(scaled.name, scaled))
  const distances = dimensionAt(positions.shape, 0)
  const byHead = transpose(reshape(projected, [distances, heads, HEAD_WIDTH]), [1, 2, 0])
  const time = dimensionAt(query.shape, 1)
  return matMul(transpose(reshape(query, [1, time, heads, HEAD_WIDTH]), [0, 2, 1, 3]), byHead)
}

/**
 * [1, heads, time, distances] → [1, heads, time, time]: score of (query i, key j) stands at distance index time − 1 − i + j. In a flat
 * row-major view that is time − 1 + i · (distances − 1) + j: cut off the first time − 1 values, and rows one shorter are aligned.
 */
function shiftToKeys(products: Value): Value {
  const { graph } = products
  const heads = dimensionAt(products.shape, 1)
  const time = dimensionAt(products.shape, 2)
  // The sizes depend on the length, so they are computed in the graph: [time], time − 1, 2 · time − 2 and the flat end.
  const scalar = (operator: string, a: Value, b: Value) => graph.node1(operator, [a, b], { dtype: 'int64', shape: [1] })
  const one = graph.constant('int64', [1])
  const length = graph.node1('Shape', [products], { dtype: 'int64', shape: [1] }, { attributes: { start: 2, end: 3 } })
  const begin = scalar('Sub', length, one)
  const rowLength = scalar('Add', begin, begin)
  const end = scalar('Add', begin, scalar('Mul', length, rowLength))
  const headCount = graph.constant('int64', [1, typeof heads === 'number' ? heads : 0])
  const flatShape = graph.node1(
    'Concat',
    [headCount, graph.constant('int64', [-1])],
    { dtype: 'int64', shape: [3] },
    { attributes: { axis: 0 } },
  )
  const flat = graph.node1('Reshape', [products, flatShape], { dtype: 'float32', shape: [1, heads, `${time} rows`] })
  const axis = graph.constant('int64', [2])
  const cut = graph.node1('Slice', [flat, begin, end, axis], {
    dtype: 'float32',
    shape: [1, heads, `${time} aligned rows`],
  })
  const rows = graph.node1(
    'Concat',
    [headCount, length, rowLength],
    { dtype: 'int64', shape: [4] },
    { attributes: { axis: 0 } },
  )
  const aligned = graph.node1('Reshape', [cut, rows], { dtype: 'float32', shape: [1, heads, time, times(time, 2)] })
  const zero = graph.constant('int64', [0])
  return graph.node1('Slice', [aligned, zero, length, graph.constant('int64', [3])], {
    dtype: 'float32',
    shape: [1, heads, time, time],
  })
}
