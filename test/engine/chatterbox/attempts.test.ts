import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bestAttempt } from '../../../src/engine/chatterbox/attempts.ts'
import type { SpeechTokens } from '../../../src/engine/chatterbox/tokens/speech-lm.ts'

const TEXT = 'A sentence of more than forty letters, all told, is this one.'
const spoken = (count: number, ending: SpeechTokens['ending'] = 'stop'): SpeechTokens => ({
  tokens: Array.from({ length: count }, (_, i) => i),
  ending,
})

/** Attempts as scripted; fails if there are more of them. */
async function outcome(...script: SpeechTokens[]) {
  let made = 0
  const { tokens, guards } = await bestAttempt(TEXT, async (index) => {
    assert.equal(index, made++)
    const next = script[index]
    assert.ok(next, `attempt ${index} was not expected`)
    return next
  })
  assert.equal(made, script.length)
  return [tokens.length, guards]
}

test('an utterance that ends by itself is taken as it is', async () => {
  assert.deepEqual(await outcome(spoken(80)), [80, []])
})

test('an utterance that breaks off is tried again', async () => {
  assert.deepEqual(await outcome(spoken(10), spoken(80)), [80, ['too-short-retry']])
})

test('a good attempt is taken even if a bad one was longer', async () => {
  assert.deepEqual(await outcome(spoken(200, 'loop'), spoken(80)), [80, ['loop-retry']])
})

test('of three failures the longest is taken, less its loop', async () => {
  assert.deepEqual(await outcome(spoken(10), spoken(15), spoken(12)), [15, ['too-short-retry']])
  assert.deepEqual(await outcome(spoken(10), spoken(160, 'loop'), spoken(140, 'loop')), [
    100,
    ['too-short-retry', 'loop-retry'],
  ])
})

test('an utterance that was cut off is not tried again, and says so', async () => {
  assert.deepEqual(await outcome(spoken(250, 'token-cap')), [250, ['token-cap']])
})
