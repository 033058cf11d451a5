// The decoder at the tiny size: what holds whatever the weights. That full-size graphs equal the official ones is test/parity's to show.
import assert from 'node:assert/strict'
import path from 'node:path'
import { after, test } from 'node:test'
import { SafetensorsFile } from '../../../../src/compile/checkpoint/safetensors.ts'
import { packageRoot } from '../../../../src/config.ts'
import { decoderNoise } from '../../../../src/engine/chatterbox/decoder/decoder-noise.ts'
import { Flow } from '../../../../src/engine/chatterbox/decoder/flow.ts'
import { SpeechDecoder } from '../../../../src/engine/chatterbox/decoder/speech-decoder.ts'
import { Vocoder } from '../../../../src/engine/chatterbox/decoder/vocoder.ts'
import { largestDifference, noiseTensor } from '../../../harness/graphs.ts'
import { makeTinyDecoder } from '../../../harness/tiny-decoder.ts'

const tiny = makeTinyDecoder()
const options = { threads: 1 }
const decoder = await SpeechDecoder.open(tiny.graphFile, options)
after(async () => {
  await decoder[Symbol.asyncDispose]()
  tiny[Symbol.dispose]()
})
const never = new AbortController().signal

function voiceOf(promptTokens: number, frames: number) {
  return {
    tokens: Int32Array.from({ length: promptTokens }, (_, i) => (i * 977) % 6561),
    mel: noiseTensor([frames, 80], 1).data.map((value) => 3 * value - 6),
    frames,
    xvector: noiseTensor([192], 2).data,
  }
}
const voice = voiceOf(6, 12)
const speech = [10, 2000, 6000, 431, 77]
const seed = { seed: 7, pieceIndex: 0 }

test('every tensor of the flow and the vocoder is used', () => {
  assert.deepEqual(tiny.untaken, [])
})

test('a token is 40 ms, three tokens of silence are added, and the first 20 ms are silent', async () => {
  const samples = await decoder.decode(speech, voice, seed, never)
  assert.equal(samples.length, 960 * (speech.length + 3))
  assert.ok(samples.subarray(0, 480).every((value) => value === 0))
  assert.ok(samples.subarray(960).some((value) => Math.abs(value) > 1e-3))
  assert.ok(samples.every((value) => Math.abs(value) <= Math.fround(0.99)))
})

test('a prompt that ends in half a token takes half a token off the output', async () => {
  const samples = await decoder.decode(speech, voiceOf(6, 13), seed, never)
  assert.equal(samples.length, 960 * (speech.length + 3) - 480)
})

test('control tokens are not spoken', async () => {
  const plain = await decoder.decode(speech, voice, seed, never)
  const withControls = await decoder.decode([6561, ...speech, 6562], voice, seed, never)
  assert.deepEqual(withControls, plain)
})

test('the same seed gives the same samples, another seed or piece gives others', async () => {
  const first = await decoder.decode(speech, voice, seed, never)
  assert.deepEqual(await decoder.decode(speech, voice, seed, never), first)
  for (const other of [
    { seed: 8, pieceIndex: 0 },
    { seed: 7, pieceIndex: 1 },
  ])
    assert.ok(largestDifference(await decoder.decode(speech, voice, other, never), first) > 1e-4)
})

test('an abort stops the decoder before its next graph, whichever that is', async () => {
  const reason = new Error('the client is gone')
  /** A signal that is aborted when the decoder looks at it for the `last`th time. */
  const decodeUntil = async (last: number) => {
    const abort = new AbortController()
    let looks = 0
    const look = () => {
      looks++
      if (looks === last) abort.abort(reason)
      AbortSignal.prototype.throwIfAborted.call(abort.signal)
    }
    const signal = Object.defineProperty(abort.signal, 'throwIfAborted', { value: look })
    const error = await decoder.decode(speech, voice, seed, signal).then(
      () => undefined,
      (thrown: unknown) => thrown,
    )
    return { looks, error }
  }
  const whole = await decodeUntil(Number.POSITIVE_INFINITY)
  // Flow encoder, two steps of the estimator, pitch, vocoder.
  assert.deepEqual(whole, { looks: 5, error: undefined })
  for (let last = 1; last <= whole.looks; last++)
    assert.deepEqual(await decodeUntil(last), { looks: last, error: reason })
})

test('the noise of a speech frame depends on neither the prompt nor where a window begins', () => {
  const noise = decoderNoise(3, 1)
  const whole = noise.flow(4, 10)
  assert.deepEqual(noise.flow(2, 10).subarray(2 * 160), whole.subarray(4 * 160))
  assert.deepEqual(noise.flow(4, 3, 5).subarray(4 * 160), whole.subarray(9 * 160, 12 * 160))
  assert.deepEqual(noise.source(2, 0.5, 3), noise.source(5, 0.5).subarray(3 * 480))
  assert.equal(noise.phases()[0], 0)
  assert.ok(noise.phases().every((phase) => Math.abs(phase) < Math.PI))
})

// Made by this program at a commit at which the full-size graphs equalled the official PyTorch code: it shows that nothing has changed.
test('mel and samples of the tiny decoder are what they were', async () => {
  using expected = new SafetensorsFile(path.join(packageRoot, 'test/fixtures/tiny-decoder.safetensors'))
  await using flow = await Flow.open(tiny.graphFile, options)
  await using vocoder = await Vocoder.open(tiny.graphFile, options)
  const noise = noiseTensor([2 * (voice.tokens.length + speech.length), 80], 3).data
  const mel = await flow.decode(Int32Array.from(speech), voice, noise, never)
  assert.ok(largestDifference(mel, expected.readFloat32('mel')) < 1e-4)
  const { f0 } = await vocoder.pitch(mel)
  assert.ok(largestDifference(f0, expected.readFloat32('f0')) < 1e-2)
  const source = noiseTensor([480 * f0.length], 4).data
  assert.ok(largestDifference(await vocoder.samples(mel, source), expected.readFloat32('samples')) < 2e-5)
})

test('a long mel is spoken in windows, and rounding alone can tell', async () => {
  await using vocoder = await Vocoder.open(tiny.graphFile, options)
  const frames = 101
  const mel = noiseTensor([frames, 80], 5).data.map((value) => 3 * value - 6)
  const source = noiseTensor([480 * frames], 6).data
  const whole = await vocoder.samples(mel, source)
  assert.ok(whole.some((sample) => Math.abs(sample) > 1e-3))
  for (const longest of [100, 40, 17])
    assert.ok(largestDifference(await vocoder.samples(mel, source, longest), whole) < 1e-5, `windows of ${longest}`)
})
