// Multi-head self-attention with relative sinusoidal positions (Transformer-XL, as in Espnet and Wenet): every query also looks at the
// distance to the key. https://arxiv.org/abs/1901.02860, section 3.3.
import type { WeightScope } from '../checkpoint/weights.ts'
import { HEAD_WIDTH } from '../dimensions.ts'
import type { Value } from '../onnx/graph.ts'
import { add, concat, matMul, reshape, transpose } from '../onnx/operators.ts'
import { dimensionAt, type Shape, sizeAt, withAxis } from '../onnx/shapes.ts'
import { floatTensor, transposed } from '../tensor.ts'
import { linear } from './linear.ts'

/**
 * Queries are attended to in this many parts. The scores of all distances are twice as many as those of all keys and exist twice while
 * they are shifted. A quarter of the queries meets 5/8 of the distances, and a quarter at a time needs a sixth of the memory: 120 MB
 * instead of 800 for 50 s of frames.
 */
const QUERY_PARTS = 4

/**
 * x [1, time, size] → [1, time, size], every position attending to every other. `positions`
 * [2 · time − 1, size] is the encoding of the distances time − 1 … −(time − 1). Every part needs two queries, so time is at
 * least 8. Takes `linear_{q,k,v,out}` with bias, `linear_pos`
 * without, `pos_bias_{u,v}` [heads, 64].
 */
export function relativeAttention(x: Value, positions: Value, weights: WeightScope, size: number): Value {
  const { graph } = x
  const heads = size / HEAD_WIDTH
  const query = linear(x, weights.at('linear_q'), size, size)
  const [key, value] = ['linear_k', 'linear_v'].map((name) => byHead(linear(x, weights.at(name), size, size), heads))
  const bias = (name: string) =>
    graph.weight(weights.path(name), { ...weights.take(name, [heads, HEAD_WIDTH]), shape: [size] })
  const contentQuery = add(query, bias('pos_bias_u'))
  const positionQuery = byHead(add(query, bias('pos_bias_v')), heads)
  const distances = projectDistances(positions, weights, heads)

  const length = sizeOf(x, 1)
  const parts = Array.from({ length: QUERY_PARTS }, (_, index) => {
    const part = { begin: fraction(length, index), end: fraction(length, index + 1), name: `part ${index}` }
    const scores = distanceScores(rows(positionQuery, 2, part), distances, length, part)
    const inputs = [rows(contentQuery, 1, part), key, value, undefined, undefined, scores]
    const options = { domain: 'com.microsoft', attributes: { num_heads: heads } } as const
    return graph.node1('MultiHeadAttention', inputs, { dtype: 'float32', shape: [1, part.name, size] }, options)
  })
  const attended = { ...concat(parts, 1), shape: x.shape }
  return linear(attended, weights.at('linear_out'), size, size)
}

/** A range of the queries, computed at run time: int64 [1] each. `name` is its length. */
interface Part {
  readonly begin: Value
  readonly end: Value
  readonly name: string
}

/** [1, time, heads · 64] → [1, heads, time, 64]. */
const byHead = (x: Value, heads: number): Value =>
  transpose(reshape(x, [1, dimensionAt(x.shape, 1), heads, HEAD_WIDTH]), [0, 2, 1, 3])

/** The encodings as keys of the position queries, already divided by √64: [heads, 64, distances]. */
function projectDistances(positions: Value, weights: WeightScope, heads: number): Value {
  const size = heads * HEAD_WIDTH
  const weight = weights.at('linear_pos').take('weight', [size, size])
  // A power of two, so that scaling the weight rounds nothing.
  const scale = 1 / Math.sqrt(HEAD_WIDTH)
  const scaled = transposed(floatTensor(weight.name, weight.shape, () => weight.read().map((value) => value * scale)))
  const projected = matMul(positions, positions.graph.weight(scaled.name, scaled))
  return transpose(reshape(projected, [dimensionAt(positions.shape, 0), heads, HEAD_WIDTH]), [1, 2, 0])
}

/**
 * Scores of the part's queries with every key by distance, [1, heads, part, time].
 *
 * The distances from a part's queries to any key are time + part − 1 columns of the table, from column time − end on. Among them, query r
 * of the part and key j meet at column part − 1 − r + j. In a flat row-major view that is part − 1 + r · (columns − 1) + j: cut off
 * the first part − 1 values, and rows one shorter are aligned.
 */
function distanceScores(queries: Value, distances: Value, length: Value, part: Part): Value {
  const { graph } = queries
  const heads = sizeAt(queries.shape, 1)
  const one = graph.constant('int64', [1])
  const firstColumn = calculate('Sub', length, part.end)
  const endColumn = calculate('Sub', calculate('Sub', calculate('Add', length, length), one), part.begin)
  const columns = sliced(distances, 2, firstColumn, endColumn, `${part.name} distances`)
  const products = matMul(queries, columns)

  const partLength = calculate('Sub', part.end, part.begin)
  const begin = calculate('Sub', partLength, one)
  const rowLength = calculate('Add', length, calculate('Sub', begin, one))
  const end = calculate('Add', begin, calculate('Mul', partLength, rowLength))
  const batchAndHeads = graph.constant('int64', [1, heads])
  const flat = reshaped(products, [batchAndHeads, graph.constant('int64', [-1])], [1, heads, `${part.name} flat`])
  const aligned = reshaped(
    sliced(flat, 2, begin, end, `${part.name} cut`),
    [batchAndHeads, partLength, rowLength],
    [1, heads, part.name, `${part.name} row`],
  )
  return sliced(aligned, 3, graph.constant('int64', [0]), length, 'time')
}

const rows = (x: Value, axis: number, { begin, end, name }: Part): Value => sliced(x, axis, begin, end, name)

/** A slice between bounds computed at run time. */
const sliced = (x: Value, axis: number, begin: Value, end: Value, length: string): Value =>
  x.graph.node1('Slice', [x, begin, end, x.graph.constant('int64', [axis])], {
    dtype: x.dtype,
    shape: withAxis(x.shape, axis, length),
  })

/** A reshape to sizes computed at run time. */
function reshaped(x: Value, sizes: readonly Value[], shape: Shape): Value {
  const type = { dtype: 'int64', shape: [shape.length] } as const
  const target = x.graph.node1('Concat', sizes, type, { attributes: { axis: 0 } })
  return x.graph.node1('Reshape', [x, target], { dtype: x.dtype, shape })
}

const sizeOf = (x: Value, axis: number): Value =>
  x.graph.node1('Shape', [x], { dtype: 'int64', shape: [1] }, { attributes: { start: axis, end: axis + 1 } })

const calculate = (operator: 'Add' | 'Sub' | 'Mul' | 'Div', a: Value, b: Value): Value =>
  a.graph.node1(operator, [a, b], { dtype: 'int64', shape: [1] })

/** ⌊length · index / QUERY_PARTS⌋. */
function fraction(length: Value, index: number): Value {
  const constant = (value: number) => length.graph.constant('int64', [value])
  return calculate('Div', calculate('Mul', length, constant(index)), constant(QUERY_PARTS))
}
