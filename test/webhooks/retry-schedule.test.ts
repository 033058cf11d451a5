// When a failed attempt is repeated.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RETRY_DELAYS_SECONDS, retryDelaySeconds } from '../../src/webhooks/retry-schedule.ts'

test('delays grow fourfold to 5.5 hours and span about a day', () => {
  assert.deepEqual(RETRY_DELAYS_SECONDS, [5, 20, 80, 320, 1280, 5120, 19_800, 19_800, 19_800, 19_800])
  const hours = RETRY_DELAYS_SECONDS.reduce((sum, delay) => sum + delay) / 3600
  assert.ok(hours > 23 && hours < 25, `${hours} hours`)
})

test('jitter is at most 20 % either way, and after the last retry there is none', () => {
  for (const [random, factor] of [
    [0, 0.8],
    [0.5, 1],
    [0.999_999, 1.2],
  ] as const) {
    assert.ok(Math.abs((retryDelaySeconds(2, undefined, () => random) ?? 0) - 20 * factor) < 0.001)
  }
  assert.notEqual(retryDelaySeconds(10), undefined)
  assert.equal(retryDelaySeconds(11), undefined)
})
