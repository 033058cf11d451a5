// The price of text.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatCredits, microFromCredits, priceMicro } from '../../src/billing/prices.ts'

test('a thousand characters cost the price, and less costs its share', () => {
  assert.equal(priceMicro('a'.repeat(1000), 0.05), 50_000)
  assert.equal(priceMicro('a'.repeat(128), 0.05), 6400)
})

test('a character is a code point, whatever its bytes', () => {
  for (const character of ['a', 'é', '語', '🙂']) assert.equal(priceMicro(character.repeat(10), 0.05), 500)
})

test('a fraction of a micro-dollar is rounded up, a floating-point error is not', () => {
  assert.equal(priceMicro('a', 0.0001), 1)
  assert.equal(priceMicro('aaa', 0.0015), 5) // 4.5
  for (const price of [0.07, 0.29, 0.57, 1.1])
    assert.equal(priceMicro('a'.repeat(1000), price), Math.round(price * 1e6))
})

test('no text and no price cost nothing', () => {
  assert.equal(priceMicro('', 0.05), 0)
  assert.equal(priceMicro('Hello.', 0), 0)
})

test('credits are written with one digit or more, and at most six, after the point', () => {
  assert.deepEqual([0, 6400, 10_000_000, 1, 1_230_000].map(formatCredits), [
    '0.0',
    '0.0064',
    '10.0',
    '0.000001',
    '1.23',
  ])
  assert.equal(microFromCredits(0.0064), 6400)
})
