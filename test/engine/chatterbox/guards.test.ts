import assert from 'node:assert/strict'
import { test } from 'node:test'
import { leastTokens, mostTokens, trimTrailingSilence } from '../../../src/engine/chatterbox/guards.ts'
import { makeNoise, makeSine } from '../../harness/synthetic-voice.ts'

test('a text may take as long as slow speech does, and never longer than 40 s', () => {
  assert.equal(mostTokens(''), 100)
  assert.equal(mostTokens('Hello there.'), 100 + 3 * 10)
  assert.equal(mostTokens('Oh [laugh] no'), 100 + 3 * 4 + 75)
  assert.equal(mostTokens('[not a tag]'), 100 + 3 * 7)
  assert.equal(mostTokens('a'.repeat(500)), 1000)
})

test('less than half a token per letter is too little, tags and marks aside', () => {
  assert.equal(leastTokens('Hello there.'), 5)
  assert.equal(leastTokens('[laugh] ... !'), 0)
})

const speech = makeSine(1, 24000, 200)
const followedBy = (seconds: number, level: number) =>
  Float32Array.of(...speech, ...makeNoise(Math.round(seconds * 24000), level))

test('a long silence at the end is cut to the usual pause', () => {
  for (const level of [0, 5e-4, 2e-3]) assert.equal(trimTrailingSilence(followedBy(3, level)).length, 1.3 * 24000)
})

test('a pause of normal length, and sound however soft beside speech, stay', () => {
  for (const samples of [followedBy(0.7, 0), followedBy(3, 0.02), speech])
    assert.equal(trimTrailingSilence(samples), samples)
})

test('what is silent throughout is cut to a pause', () => {
  assert.equal(trimTrailingSilence(new Float32Array(48000)).length, 0.3 * 24000)
  assert.equal(trimTrailingSilence(new Float32Array()).length, 0)
})
