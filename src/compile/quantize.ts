// A matrix product of the language model in one of its precisions. The weight is GPT-2's Conv1D: stored [in, out].
//
// int8: one scale per output column and per activation row, exact integer sums. A row's result depends on that row alone: not on the
//       rows beside it, their number, or the kernel chosen for that number. So a seed gives the same tokens in any company.
// int4: blocks of 32 weights with a scale each, activations in blocks of 32 as well. Half the memory, but ONNX Runtime's kernels for one
//       row and for many add up in different orders, so results are reproducible only under the same company.
// fp32: the reference.
import { invariant } from '../errors.ts'
import type { Value } from './onnx/graph.ts'
import { add, div, matMul, max, mul, sub } from './onnx/operators.ts'
import { sizeAt } from './onnx/shapes.ts'
import { type FloatTensor, floatTensor, type Tensor, transposed } from './tensor.ts'

export const PRECISIONS = ['fp32', 'int8', 'int4'] as const
export type Precision = (typeof PRECISIONS)[number]

/** x [..., in] · weight [in, out] → [..., out], without bias. */
export function project(x: Value, weight: FloatTensor, precision: Precision): Value {
  invariant(weight.shape[0] === sizeAt(x.shape, -1), `${weight.name} does not take ${sizeAt(x.shape, -1)} values`)
  if (precision === 'fp32') return matMul(x, x.graph.weight(weight.name, weight))
  return precision === 'int8' ? projectInt8(x, weight) : projectInt4(x, weight)
}

/** Weights are −127 … 127 steps, kept as unsigned bytes around this zero. */
const ZERO_POINT = 128
const LEVELS = 127
/** Activations are 0 … 255 steps above the least value of their row. */
const ROW_LEVELS = 255
/** Stands in for 0 where a row or column holds one value only. */
const SMALLEST_SCALE = 1e-20

/**
 * x ≈ least + step · q with q in 0 … 255, so x · W ≈ step · (q · W) + least · (column sums of W). A range of its own at both ends uses all
 * levels for the one-sided activations behind GELU; around zero alone, a 125 M model loses a fifth of its perplexity (Dettmers et al.
 * 2022, LLM.int8(), table 1: absmax row-wise 30.9, zero-point 25.7, fp32 25.7).
 */
function projectInt8(x: Value, weight: FloatTensor): Value {
  const { graph, shape } = x
  const product = { dtype: 'float32', shape: [...shape.slice(0, -1), weight.shape[1] ?? 0] } as const
  const [bytes, scales, sums] = quantizeColumns(weight).map((tensor) => graph.weight(tensor.name, tensor))
  const least = min(x, -1)
  const range = maximum(sub(max(x, -1), least), graph.constant('float32', SMALLEST_SCALE))
  const step = graph.constant('float32', 1 / ROW_LEVELS)
  const levels = graph.node1('QuantizeLinear', [div(sub(x, least), range), step, graph.constant('uint8', 0)], {
    dtype: 'uint8',
    shape,
  })
  // Unsigned weights as well: signed ones saturate in AVX2's vpmaddubsw, and sums would depend on the CPU.
  const sum = graph.node1(
    'MatMulIntegerToFloat',
    [levels, bytes, step, scales, graph.constant('uint8', 0), graph.constant('uint8', ZERO_POINT)],
    product,
    { domain: 'com.microsoft' },
  )
  invariant(sums, 'columns have sums')
  return add(mul(sum, range), mul(least, sums))
}

const maximum = (a: Value, b: Value): Value => a.graph.node1('Max', [a, b], { dtype: a.dtype, shape: a.shape })

const min = (x: Value, axis: number): Value => {
  const shape = [...x.shape.slice(0, -1), 1]
  return x.graph.node1(
    'ReduceMin',
    [x, x.graph.constant('int64', [axis])],
    { dtype: x.dtype, shape },
    { attributes: { keepdims: 1 } },
  )
}

/** Bytes, scale per column (its largest magnitude is 127 steps), and the sum of each column as its bytes stand for it. */
function quantizeColumns(weight: FloatTensor): [Tensor, FloatTensor, FloatTensor] {
  const [, columns = 0] = weight.shape
  const readScales = () => columnScales(weight.read(), columns)
  const bytes = {
    name: `${weight.name}.int8`,
    dtype: 'uint8' as const,
    shape: weight.shape,
    read: () => {
      const values = weight.read()
      const scales = columnScales(values, columns)
      const out = new Uint8Array(values.length)
      for (let row = 0; row < values.length; row += columns) {
        for (let column = 0; column < columns; column++) {
          out[row + column] = ZERO_POINT + roundHalfToEven((values[row + column] ?? 0) / (scales[column] ?? 1))
        }
      }
      return out
    },
  }
  return [
    bytes,
    floatTensor(`${weight.name}.scales`, [columns], readScales),
    floatTensor(`${weight.name}.sums`, [columns], () => columnSums(bytes.read(), readScales())),
  ]
}

function columnScales(values: Float32Array, columns: number): Float32Array<ArrayBuffer> {
  const scales = new Float32Array(columns)
  for (let row = 0; row < values.length; row += columns) {
    for (let column = 0; column < columns; column++) {
      const magnitude = Math.abs(values[row + column] ?? 0)
      if (magnitude > (scales[column] ?? 0)) scales[column] = magnitude
    }
  }
  return scales.map((magnitude) => Math.max(magnitude / LEVELS, SMALLEST_SCALE))
}

function columnSums(bytes: Uint8Array, scales: Float32Array): Float32Array<ArrayBuffer> {
  const sums = new Float64Array(scales.length)
  for (let i = 0; i < bytes.length; i++) {
    const column = i % sums.length
    sums[column] = (sums[column] ?? 0) + (bytes[i] ?? 0) - ZERO_POINT
  }
  return Float32Array.from(sums, (sum, column) => sum * (scales[column] ?? 0))
}

const BLOCK = 32

function projectInt4(x: Value, weight: FloatTensor): Value {
  const [inSize = 0, outSize = 0] = weight.shape
  invariant(inSize % BLOCK === 0, `${weight.name} has ${inSize} inputs, not a multiple of ${BLOCK}`)
  const [scales, nibbles] = quantizeBlocks(transposed(weight))
  return x.graph.node1(
    'MatMulNBits',
    [x, x.graph.weight(nibbles.name, nibbles), x.graph.weight(scales.name, scales)],
    { dtype: 'float32', shape: [...x.shape.slice(0, -1), outSize] },
    // Accuracy level 4: activations in int8. The default computes in fp32, 2.3 times slower on AVX2.
    {
      domain: 'com.microsoft',
      attributes: { K: inSize, N: outSize, bits: 4, block_size: BLOCK, accuracy_level: 4 },
    },
  )
}

/** [out, in] in blocks along `in`: the value furthest from zero becomes −8, so that all sixteen levels −8 … 7 are used. */
function quantizeBlocks(weight: FloatTensor): [FloatTensor, Tensor] {
  const [rows = 0, columns = 0] = weight.shape
  const blocks = columns / BLOCK
  const nibbles: Tensor = {
    name: `${weight.name}.int4`,
    dtype: 'uint8',
    shape: [rows, blocks, BLOCK / 2],
    read: () => {
      const values = weight.read()
      const out = new Uint8Array(values.length / 2)
      for (const [block, scale] of blockScales(values).entries()) {
        for (let i = block * BLOCK; i < (block + 1) * BLOCK; i += 2) {
          out[i / 2] = nibble((values[i] ?? 0) / scale) | (nibble((values[i + 1] ?? 0) / scale) << 4)
        }
      }
      return out
    },
  }
  return [floatTensor(`${weight.name}.scales`, [rows * blocks], () => blockScales(weight.read())), nibbles]
}

function blockScales(values: Float32Array): Float32Array<ArrayBuffer> {
  const scales = new Float32Array(values.length / BLOCK)
  for (let block = 0; block < scales.length; block++) {
    let extreme = 0
    for (let i = block * BLOCK; i < (block + 1) * BLOCK; i++) {
      const value = values[i] ?? 0
      if (Math.abs(value) > Math.abs(extreme)) extreme = value
    }
    scales[block] = extreme / -8 || SMALLEST_SCALE
  }
  return scales
}

/** The level of a value in steps: 8 is zero. */
const nibble = (steps: number): number => Math.min(15, 8 + Math.round(steps))

/** As QuantizeLinear rounds. */
function roundHalfToEven(value: number): number {
  const rounded = Math.round(value)
  return rounded - value === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded
}
