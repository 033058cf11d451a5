import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  endsInLoop,
  SPEECH_VOCABULARY,
  START_TOKEN,
  STOP_TOKEN,
} from '../../../../src/engine/chatterbox/tokens/speech-tokens.ts'
import { Utterance } from '../../../../src/engine/chatterbox/tokens/utterance.ts'
import type { Sampling } from '../../../../src/engine/engine.ts'

const sampling: Sampling = { temperature: 1, topK: 0, topP: 1, minP: 0, repetitionPenalty: 1 }
const utterance = (maxTokens: number, changes: Partial<Sampling> = {}, uniform = (_position: number) => 0.5) =>
  new Utterance({ sampling: { ...sampling, ...changes }, uniform, maxTokens })

/** Logits that leave no choice but this token. */
function only(token: number): Float32Array {
  const logits = new Float32Array(SPEECH_VOCABULARY).fill(-1000)
  logits[token] = 1000
  return logits
}

test('a stop token ends the utterance and is not part of it', () => {
  const speech = utterance(100)
  for (const token of [7, 8, STOP_TOKEN]) speech.draw(only(token))
  assert.deepEqual([speech.tokens, speech.ending], [[7, 8], 'stop'])
})

test('a stop token in the first place does not stop, as in the official code', () => {
  const speech = utterance(100)
  for (const token of [STOP_TOKEN, 8, STOP_TOKEN]) speech.draw(only(token))
  assert.deepEqual([speech.tokens, speech.ending], [[STOP_TOKEN, 8], 'stop'])
})

test('the cap ends an utterance with as many tokens', () => {
  const speech = utterance(3)
  for (const token of [1, 2, 3]) speech.draw(only(token))
  assert.deepEqual([speech.tokens, speech.ending], [[1, 2, 3], 'token-cap'])
})

test('the first draw penalises the start token, later ones what was said', () => {
  const logits = new Float32Array(SPEECH_VOCABULARY).fill(-1000)
  logits[5] = 10
  logits[START_TOKEN] = 10.5
  // Whatever is likelier is taken: the number drawn is 0.5, and a penalty of 2 takes 5 away from a logit of 10.
  const speech = utterance(100, { repetitionPenalty: 2 })
  speech.draw(logits)
  assert.deepEqual(speech.tokens, [5])
  speech.draw(logits)
  assert.deepEqual(speech.tokens, [5, START_TOKEN])
})

test('each position is drawn with its own number', () => {
  const asked: number[] = []
  const speech = utterance(100, {}, (position) => {
    asked.push(position)
    return 0.5
  })
  for (const token of [4, 5, 6]) speech.draw(only(token))
  assert.deepEqual(asked, [0, 1, 2])
})

test('a drone ends an utterance: fewer than twelve different tokens in three seconds', () => {
  const different = Array.from({ length: 40 }, (_, i) => i)
  // Irregular, so that only the number of kinds can be at fault.
  const drone = (kinds: number) =>
    Array.from({ length: 75 }, (_, i) => 100 + Math.floor(kinds * ((i * i * 0.618034) % 1)))
  assert.equal(new Set(drone(12)).size, 12)
  assert.equal(endsInLoop([...different, ...drone(12)]), false)
  assert.equal(new Set(drone(11)).size, 11)
  assert.equal(endsInLoop([...different, ...drone(11)]), true)
  assert.equal(endsInLoop(drone(11).slice(1)), false)
})

test('a phrase said three times over ends an utterance, twice does not', () => {
  const phrase = Array.from({ length: 30 }, (_, i) => i)
  assert.equal(endsInLoop([900, ...phrase, ...phrase, ...phrase.slice(0, 29)]), false)
  assert.equal(endsInLoop([900, ...phrase, ...phrase, ...phrase]), true)
})

test('half a second of the same silence is no loop', () => {
  const varied = Array.from({ length: 200 }, (_, i) => (i * 7919) % 6561)
  assert.equal(endsInLoop([...varied, ...Array.from({ length: 12 }, () => 4299)]), false)
})
