// Comparison of numbers with a stated tolerance.
import assert from 'node:assert/strict'

/** Fails with the largest absolute difference and its place unless the lists are equally long and nowhere further apart. */
export function assertClose(actual: ArrayLike<number>, expected: ArrayLike<number>, tolerance: number): void {
  assert.equal(actual.length, expected.length, 'lengths')
  let worst = 0
  let place = 0
  for (let i = 0; i < expected.length; i++) {
    const difference = Math.abs((actual[i] ?? Number.NaN) - (expected[i] ?? Number.NaN))
    if (difference <= worst) continue
    worst = difference
    place = i
  }
  const values = `${actual[place]} instead of ${expected[place]}`
  assert.ok(worst <= tolerance, `differs by ${worst} at ${place} (${values}), tolerance ${tolerance}`)
}
