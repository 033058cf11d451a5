// The front ends against the official code's numbers; tolerances are ten times what that code itself varies by (threads, kernels, float64).
import assert from 'node:assert/strict'
import path from 'node:path'
import { test } from 'node:test'
import { SafetensorsFile } from '../../../../src/compile/checkpoint/safetensors.ts'
import { packageRoot } from '../../../../src/config.ts'
import { kaldiFbank, subtractTimeMean } from '../../../../src/engine/chatterbox/voice/kaldi-fbank.ts'
import { promptMel } from '../../../../src/engine/chatterbox/voice/prompt-mel.ts'
import { resampleSincHann } from '../../../../src/engine/chatterbox/voice/sinc-hann.ts'
import { cutFrames, speechMel } from '../../../../src/engine/chatterbox/voice/speech-mel.ts'
import { cutPartials, findSpeech, voiceMel } from '../../../../src/engine/chatterbox/voice/voice-mel.ts'
import { assertClose } from '../../../harness/close.ts'

const fixture = new SafetensorsFile(path.join(packageRoot, 'test/fixtures/voice-networks.safetensors'))
const floats = (name: string) => fixture.readFloat32(name)

test('24 → 16 kHz is torchaudio’s filter, sample by sample', () => {
  const resampled = resampleSincHann(floats('speech_24k'), 24000, 16000)
  assert.equal(resampled.length, 16000)
  // The last samples see silence where the whole recording goes on.
  assertClose(resampled.subarray(0, 15990), floats('speech_16k').subarray(0, 15990), 2e-6)
})

test('the log-mel of the speech tokenizer', () => {
  const mel = speechMel(floats('speech_16k').subarray(0, 50123))
  assert.equal(mel.frames, 313)
  assertClose(mel.values, floats('c_logmel'), 3e-4)
  const cut = cutFrames(mel, 100)
  assert.deepEqual([cut.frames, cut.values[100]], [100, mel.values[313]])
  assert.equal(cutFrames(mel, 400), mel)
})

test('the log-mel that the flow continues from', () => {
  const mel = promptMel(floats('speech_24k'))
  assert.equal(mel.frames, 50)
  assertClose(mel.values.subarray(0, 48 * 80), floats('b_mel'), 4e-3)
})

test('the filter-bank features of the speaker encoder', () => {
  const features = kaldiFbank(floats('speech_16k').subarray(0, 16240))
  assert.equal(features.frames, 100)
  assertClose(features.values, floats('b_fbank'), 3e-3)
  subtractTimeMean(features)
  const channelSum = features.values.filter((_, i) => i % 80 === 7).reduce((a, b) => a + b, 0)
  assert.ok(Math.abs(channelSum) < 1e-3, `${channelSum}`)
})

test('the trimmed power mel of the voice encoder, and its partials', () => {
  const samples = floats('short_16k')
  const { begin, end } = findSpeech(samples)
  assert.deepEqual([begin, end], [...fixture.readInt64('short_trim')].map(Number))
  const mel = voiceMel(samples.subarray(begin, end))
  assertClose(mel.values, floats('short_mel'), 1e-6)
  const partials = cutPartials(mel)
  assert.equal(partials.count, 1)
  assert.equal(partials.values.length, 160 * 40)
  assert.ok(partials.values.subarray(mel.values.length).every((value) => value === 0))
})

test('a last partial is kept if at least 80 % of it is there', () => {
  const count = (frames: number) => cutPartials({ frames, values: new Float32Array(frames * 40) }).count
  // Partials begin every 77 frames: the second is 160 frames long at frame 237 and 80 % there at frame 205.
  assert.deepEqual([1, 160, 204, 205, 237, 281, 282].map(count), [1, 1, 1, 2, 2, 2, 3])
})

test('silence is kept whole, and trimming keeps to steps of 512 samples', () => {
  assert.deepEqual(findSpeech(new Float32Array(48000)), { begin: 0, end: 48000 })
  const burst = new Float32Array(40000)
  burst.fill(0.5, 20000, 24000)
  const { begin, end } = findSpeech(burst)
  assert.equal(begin % 512, 0)
  assert.equal(end % 512, 0)
  assert.ok(begin < 20000 && end > 24000 && end - begin < 8000, `${begin} ${end}`)
})
