import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { pitchStatistics, trackPitch } from '../../../src/audio/pitch.ts'
import { FLITE_SAMPLE_RATE, type FliteVoice, loadFlite } from '../../../src/engine/preview/flite.ts'

const plain = { voice: 'slt', durationStretch: 1 } as const

test('the same words give the same samples, whatever was spoken in between', async () => {
  const flite = await loadFlite()
  const first = flite(['Good morning to all of you.'], plain)
  flite(['Something else.'], { voice: 'rms', durationStretch: 2 })
  assert.deepEqual(flite(['Good morning to all of you.'], plain), first)
})

test('tempo is honoured', async () => {
  const flite = await loadFlite()
  const seconds = (durationStretch: number) =>
    flite(['Good morning to all of you.'], { ...plain, durationStretch }).length
  assert.ok(Math.abs(seconds(1.5) / seconds(1) - 1.5) < 0.05)
})

for (const [voice, honoured] of [
  ['slt', true],
  ['awb', true],
  ['rms', false],
] as const satisfies readonly (readonly [FliteVoice, boolean])[]) {
  test(`${voice} ${honoured ? 'follows' : 'ignores'} the pitch it is asked for`, async () => {
    const flite = await loadFlite()
    const medianAt = (meanHz: number) => {
      const speech = flite(['The birch canoe slid on the smooth planks.'], {
        voice,
        durationStretch: 1,
        pitch: { meanHz, deviationHz: 20 },
      })
      return pitchStatistics(trackPitch(speech, FLITE_SAMPLE_RATE))?.medianHz ?? 0
    }
    if (honoured) for (const hz of [120, 180, 240]) assert.ok(Math.abs(medianAt(hz) / hz - 1) < 0.04, `${medianAt(hz)}`)
    else assert.equal(medianAt(120), medianAt(240))
  })
}

test('utterances are spoken one by one, each with its own falling contour', async () => {
  const flite = await loadFlite()
  const sentences = ['Rice is often served in round bowls.', 'Kick the ball straight and follow through.']
  const together = flite(sentences, plain)
  const apart = sentences.map((sentence) => flite([sentence], plain).length)
  assert.equal(
    together.length,
    apart.reduce((sum, length) => sum + length, 0),
  )
})

test('no text makes Flite fail: options, markup, format strings, numbers, rubbish', async () => {
  const flite = await loadFlite()
  for (const text of [
    '-h',
    '--setf x=1',
    '%s%n%x',
    '<speak>hi</speak>',
    '0.000',
    '1e999',
    '$',
    '...',
    '',
    "'",
    '\\',
    'o.wav',
  ]) {
    assert.ok(flite([text], plain).every(Number.isFinite), text)
  }
  const ascii = fc.string({ unit: 'grapheme-ascii', maxLength: 40 })
  fc.assert(
    fc.property(ascii, (text) => flite([text], plain).every((sample) => Math.abs(sample) <= 1)),
    { numRuns: 40, seed: 20261122 },
  )
})
