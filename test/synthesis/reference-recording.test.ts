import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodeAudio } from '../../src/audio/encode/encoder.ts'
import { decodeReference } from '../../src/synthesis/reference-recording.ts'
import { speechLike, whiteNoise } from '../harness/signals.ts'

const SAMPLE_RATE = 16_000
const never = new AbortController().signal
const decode = async (samples: Float32Array, maxSeconds = 300) =>
  decodeReference(await encodeAudio(samples, SAMPLE_RATE, 'wav'), maxSeconds, never)
const refused = (message: RegExp) => ({ code: 'invalid_reference_audio', param: 'reference_audio', message })

test('speech of more than five seconds is taken', async () => {
  const { samples, sampleRate } = await decode(speechLike(6, SAMPLE_RATE))
  assert.equal(sampleRate, SAMPLE_RATE)
  assert.equal(samples.length, 6 * SAMPLE_RATE)
})

test('what is no recording, or no speech, or too short, or too long, is refused in the words of a reference', async () => {
  const noRecording = decodeReference(Buffer.from('not audio'), 300, never)
  await assert.rejects(noRecording, refused(/^Reference media rejected: \S.*\.$/))
  await assert.rejects(decode(whiteNoise(6, SAMPLE_RATE)), refused(/^Reference media rejected: No speech can be heard/))
  await assert.rejects(decode(speechLike(4, SAMPLE_RATE)), refused(/must be longer than 5\.0/))
  await assert.rejects(decode(speechLike(9, SAMPLE_RATE), 8), refused(/longer than 8 seconds/))
})

test('an abort is passed on as it is', async () => {
  const leaving = new AbortController()
  const work = decodeReference(await encodeAudio(speechLike(6, SAMPLE_RATE), SAMPLE_RATE, 'wav'), 300, leaving.signal)
  leaving.abort(new Error('left'))
  await assert.rejects(work, { message: 'left' })
})
