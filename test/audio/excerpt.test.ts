// Which part of a long recording is kept as the model of a voice.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { chooseExcerpt } from '../../src/audio/excerpt.ts'
import { concatSamples } from '../../src/audio/pcm.ts'
import { mix, pinkNoise, type Signal, scaledToRms, silence, speechLike } from '../harness/signals.ts'

const RATE = 16_000
const speech = speechLike(16, RATE)
const noise = (seconds: number, level: number) => scaledToRms(pinkNoise(seconds, RATE), level)
const noisy = (seconds: number) => mix(speechLike(seconds, RATE, { seed: 2 }), noise(seconds, 0.15))
const overdriven = (seconds: number) =>
  speechLike(seconds, RATE, { seed: 3 }).map((value) => Math.max(-0.9, Math.min(0.9, value * 12)))

test('a recording of at most 15 seconds is kept whole', () => {
  for (const seconds of [6, 15]) {
    const recording = speechLike(seconds, RATE)
    const { start, end, check } = chooseExcerpt(recording, RATE)
    assert.deepEqual([start, end, check.seconds], [0, recording.length, seconds])
  }
})

const SPOILED: [what: string, part: (seconds: number) => Signal][] = [
  ['silence', (seconds) => silence(seconds, RATE)],
  ['noise', (seconds) => noise(seconds, 0.2)],
  ['speech in noise', noisy],
  ['overdriven speech', overdriven],
]
for (const [what, part] of SPOILED) {
  for (const before of [0, 17, 34]) {
    test(`speech is found after ${before} and before ${34 - before} seconds of ${what}`, () => {
      const parts = [before > 0 ? part(before) : undefined, speech, before < 34 ? part(34 - before) : undefined]
      const recording = concatSamples(parts.filter((each) => each !== undefined))
      const { start, end, check } = chooseExcerpt(recording, RATE)
      assert.equal(end - start, 15 * RATE)
      assert.deepEqual([check.problems, check.warnings], [[], []])
      const [from, to] = [start / RATE, end / RATE]
      assert.ok(from >= before - 2.5 && to <= before + 18.5, `${from} to ${to} s`)
    })
  }
}

test('speech is found anywhere in five minutes', () => {
  const minute = concatSamples([speech, silence(44, RATE)])
  const { start, check } = chooseExcerpt(concatSamples([minute, minute, minute, minute, minute]), RATE)
  const place = (start / RATE) % 60
  assert.ok(place < 3 || place > 58, `${start / RATE} s`)
  assert.deepEqual(check.problems, [])
})
