import assert from 'node:assert/strict'
import { test } from 'node:test'
import { philox4x32, randomNumbers } from '../../src/engine/random.ts'

test('Philox4x32-10 gives the published known answers', () => {
  // Random123 1.14, tests/kat_vectors, lines "philox4x32 10".
  assert.deepEqual(philox4x32([0, 0, 0, 0], [0, 0]), [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8])
  const ones = 0xffffffff
  assert.deepEqual(philox4x32([ones, ones, ones, ones], [ones, ones]), [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd])
  assert.deepEqual(
    philox4x32([0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344], [0xa4093822, 0x299f31d0]),
    [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
  )
})

test('a number depends on seed, piece, purpose and position only, not on the order of asking', () => {
  const forward = randomNumbers(7, 3, 1)
  const backward = randomNumbers(7, 3, 1)
  const positions = Array.from({ length: 64 }, (_, i) => i)
  const ahead = positions.map((i) => forward.normal(i))
  const behind = positions.toReversed().map((i) => backward.normal(i))
  assert.deepEqual(ahead, behind.toReversed())
  for (const other of [randomNumbers(8, 3, 1), randomNumbers(7, 4, 1), randomNumbers(7, 3, 2)]) {
    assert.notEqual(other.uniform(0), forward.uniform(0))
  }
})

test('uniform and normal numbers have the moments of their distributions', () => {
  const numbers = randomNumbers(42, 0, 0)
  const count = 100_000
  const mean = (value: (position: number) => number): number => {
    let sum = 0
    for (let i = 0; i < count; i++) sum += value(i)
    return sum / count
  }
  // Five standard errors: 5 · sqrt(1/12 / n), 5 · sqrt(1 / n), 5 · sqrt(2 / n), 5 · sqrt(96 / n).
  assert.ok(Math.abs(mean((i) => numbers.uniform(i)) - 0.5) < 0.0046)
  assert.ok(Math.abs(mean((i) => numbers.normal(i))) < 0.016)
  assert.ok(Math.abs(mean((i) => numbers.normal(i) ** 2) - 1) < 0.023)
  assert.ok(Math.abs(mean((i) => numbers.normal(i) ** 4) - 3) < 0.16)
  assert.ok(Math.abs(mean((i) => numbers.normal(2 * i) * numbers.normal(2 * i + 1))) < 0.016)
})

test('uniform numbers never reach 0 or 1', () => {
  const numbers = randomNumbers(1, 0, 0)
  for (let i = 0; i < 10_000; i++) assert.ok(numbers.uniform(i) > 0 && numbers.uniform(i) < 1)
})
