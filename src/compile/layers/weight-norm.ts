// Weight norm undone while compiling: w = g · v / ‖v‖, with one gain for each index of the first axis.
import { invariant } from '../../errors.ts'
import type { WeightScope } from '../checkpoint/weights.ts'
import { type FloatTensor, floatTensor } from '../tensor.ts'

/** Takes torch's parametrisation of `weight`: the gains `original0` and the directions `original1`, which have `shape`. */
export function takeNormedWeight(weights: WeightScope, shape: readonly [number, number, number]): FloatTensor {
  const [rows, columns, kernel] = shape
  const scope = weights.at('parametrizations', 'weight')
  const gains = scope.take('original0', [rows, 1, 1])
  const directions = scope.take('original1', shape)
  return floatTensor(weights.path('weight'), shape, () => {
    const values = directions.read()
    const rowSize = columns * kernel
    for (const [row, gain] of gains.read().entries()) {
      const direction = values.subarray(row * rowSize, (row + 1) * rowSize)
      const norm = Math.sqrt(direction.reduce((sum, value) => sum + value * value, 0))
      invariant(norm > 0, `row ${row} of ${directions.name} is zero`)
      for (const [i, value] of direction.entries()) direction[i] = (gain * value) / norm
    }
    return values
  })
}
