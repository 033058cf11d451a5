import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Graph } from '../../src/compile/onnx/graph.ts'
import { type Precision, project } from '../../src/compile/quantize.ts'
import { floatTensor } from '../../src/compile/tensor.ts'
import { largestDifference, noiseTensor, runGraph } from '../harness/graphs.ts'

const [ROWS, IN, OUT] = [5, 64, 48]

/** x · W by the graph in this precision, and in float64. */
async function products(precision: Precision, x: Float32Array, weight: Float32Array) {
  const graph = new Graph('product')
  const input = graph.input('x', 'float32', ['rows', IN])
  graph.output(
    'y',
    project(
      input,
      floatTensor('w', [IN, OUT], () => Float32Array.from(weight)),
      precision,
    ),
  )
  const { y } = await runGraph(graph, { x: { data: x, shape: [x.length / IN, IN] } })
  const exact = Float64Array.from({ length: (x.length / IN) * OUT }, (_, i) => {
    const [row, column] = [Math.floor(i / OUT), i % OUT]
    return x
      .subarray(row * IN, (row + 1) * IN)
      .reduce((sum, value, k) => sum + value * (weight[k * OUT + column] ?? 0), 0)
  })
  return { found: y ?? new Float32Array(), exact }
}

const weight = noiseTensor([IN, OUT], 1).data
const x = noiseTensor([ROWS, IN], 2).data

test('fp32 multiplies exactly', async () => {
  const { found, exact } = await products('fp32', x, weight)
  assert.ok(largestDifference(found, exact) < 1e-5)
})

test('int8 is off by no more than the rounding of weights and activations', async () => {
  const { found, exact } = await products('int8', x, weight)
  // 64 products, each off by half of 1/127 and half of 2/255, in random directions: 3 standard deviations are 0.1.
  assert.ok(largestDifference(found, exact) < 0.1)
})

test('int8 follows the range of each row: an offset and a scale of its own cost nothing', async () => {
  const skewed = x.map((value, i) => (Math.floor(i / IN) === 0 ? value : 5 + 1e-3 * value))
  const { found, exact } = await products('int8', skewed, weight)
  const plain = await products('int8', x, weight)
  assert.deepEqual(found.subarray(0, OUT), plain.found.subarray(0, OUT))
  // 5 · (error of the column sums): 64 weights off by up to 1/254 each.
  assert.ok(largestDifference(found.subarray(OUT), exact.subarray(OUT)) < 0.6)
})

test('int8 takes a row of equal values, zeros above all', async () => {
  for (const value of [0, -3]) {
    const { found, exact } = await products('int8', new Float32Array(IN).fill(value), weight)
    assert.ok(largestDifference(found, exact) < 0.4, `${value}`)
  }
})

test('int4 is off by no more than the rounding of its blocks', async () => {
  const { found, exact } = await products('int4', x, weight)
  // Weights are off by up to 1/16, their extremes up to 1/8: 3 standard deviations of 64 products are 0.6.
  assert.ok(largestDifference(found, exact) < 0.8)
})

test('a weight of zeros gives zeros in every precision', async () => {
  for (const precision of ['fp32', 'int8', 'int4'] as const) {
    const { found } = await products(precision, x, new Float32Array(IN * OUT))
    assert.ok(largestDifference(found, new Float32Array(ROWS * OUT)) < 1e-20, precision)
  }
})
