// Rotary position embedding in its half-split form (https://arxiv.org/abs/2104.09864): the two halves of a head are turned as pairs.
import type { Value } from '../onnx/graph.ts'
import { add, concat, mul, split, unsqueeze } from '../onnx/operators.ts'
import { dimensionAt, sizeAt } from '../onnx/shapes.ts'
import { floatTensor } from '../tensor.ts'

const BASE = 10000

/** Cosines and sines for the positions of a sequence: [time, 1, headWidth], broadcasting over heads. */
export interface RotaryTables {
  readonly cosine: Value
  readonly sine: Value
}

/** Tables as long as x [batch, time, width], cut at run time out of ones of `maxLength` rows; a longer x fails in the run. */
export function rotaryTables(
  x: Value,
  { maxLength, headWidth }: { maxLength: number; headWidth: number },
): RotaryTables {
  const { graph } = x
  const length = graph.node1('Shape', [x], { dtype: 'int64', shape: [1] }, { attributes: { start: 1, end: 2 } })
  const cut = (name: string, wave: (angle: number) => number): Value => {
    const table = graph.weight(name, rotaryTable(name, maxLength, headWidth, wave))
    const zero = graph.constant('int64', [0])
    const rows = graph.node1('Slice', [table, zero, length, zero], {
      dtype: 'float32',
      shape: [dimensionAt(x.shape, 1), headWidth],
    })
    return unsqueeze(rows, [1])
  }
  return { cosine: cut('rotary.cosine', Math.cos), sine: cut('rotary.sine', Math.sin) }
}

/** x [batch, time, heads, width] turned by its positions. */
export function rotate(x: Value, { cosine, sine }: RotaryTables): Value {
  const half = sizeAt(x.shape, -1) / 2
  const [left, right] = split(x, [half, half], -1)
  if (!left || !right) throw new Error('split has two results')
  return add(mul(x, cosine), mul(concat([mul(right, -1), left], -1), sine))
}

/** Angles are rounded to float32 as in the original: at position 700 that is worth 3e-5. */
function rotaryTable(name: string, rows: number, width: number, wave: (angle: number) => number) {
  return floatTensor(name, [rows, width], () => {
    const half = width / 2
    return Float32Array.from({ length: rows * width }, (_, i) => {
      const frequency = Math.fround(1 / Math.fround(BASE ** Math.fround((2 * ((i % width) % half)) / width)))
      return wave(Math.fround(Math.floor(i / width) * frequency))
    })
  })
}
