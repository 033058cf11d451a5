import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { decoderNoise } from '../../../../src/engine/chatterbox/decoder/decoder-noise.ts'
import { SpeechDecoder } from '../../../../src/engine/chatterbox/decoder/speech-decoder.ts'
import { SpeechStream } from '../../../../src/engine/chatterbox/decoder/speech-stream.ts'
import { Vocoder } from '../../../../src/engine/chatterbox/decoder/vocoder.ts'
import { noiseTensor } from '../../../harness/graphs.ts'
import { makeTinyDecoder } from '../../../harness/tiny-decoder.ts'

const tiny = makeTinyDecoder()
const decoder = await SpeechDecoder.open(tiny.graphFile, { threads: 1 })
after(async () => {
  await decoder[Symbol.asyncDispose]()
  tiny[Symbol.dispose]()
})
const never = new AbortController().signal
const voice = {
  tokens: Int32Array.from({ length: 20 }, (_, i) => (i * 977) % 6561),
  mel: noiseTensor([40, 80], 1).data.map((value) => 3 * value - 6),
  frames: 40,
  xvector: noiseTensor([192], 2).data,
}
const speech = Array.from({ length: 60 }, (_, i) => (i * 1231) % 6561)
const seed = { seed: 5, pieceIndex: 2 }

/** Pushes the speech in windows of these sizes, the last one with all the rest. */
const stream = (sizes: readonly number[]): Promise<Float32Array[]> => pushAll(decoder.stream(voice, seed), sizes)

async function pushAll(speaking: SpeechStream, sizes: readonly number[]): Promise<Float32Array[]> {
  const windows: Float32Array[] = []
  let begin = 0
  for (const size of sizes) {
    windows.push(await speaking.push(speech.slice(begin, begin + size), false, never))
    begin += size
  }
  windows.push(await speaking.push(speech.slice(begin), true, never))
  return windows
}
const joined = (windows: readonly Float32Array[]) => Float32Array.from(windows.flatMap((window) => [...window]))

test('a stream of one window is the piece decoded at once', async () => {
  assert.deepEqual(joined(await stream([])), await decoder.decode(speech, voice, seed, never))
})

test('a window is out but for its last seven tokens, and all windows together are as long as the piece', async () => {
  const windows = await stream([12, 16, 1])
  assert.deepEqual(
    windows.map((window) => window.length / 960),
    [5, 16, 1, speech.length + 3 - 22],
  )
})

test('windows too short to speak are spoken with the next', async () => {
  const windows = await stream([3, 3, 20])
  assert.deepEqual(
    windows.map((window) => window.length / 960),
    [0, 0, 19, speech.length + 3 - 19],
  )
})

test('there is no click where windows meet', async () => {
  const windows = await stream([20, 20])
  const samples = joined(windows)
  const step = (i: number) => Math.abs((samples[i] ?? 0) - (samples[i - 1] ?? 0))
  const steps = Float64Array.from(samples, (_, i) => (i === 0 ? 0 : step(i))).sort()
  const usual = steps[Math.floor(0.999 * steps.length)] ?? 0
  let seam = 0
  for (const window of windows.slice(0, -1)) {
    seam += window.length
    assert.ok(step(seam) <= usual, `a step of ${step(seam)} at sample ${seam}; one in a thousand is above ${usual}`)
  }
})

test('were the mel to stay as it was, the joined windows would be the whole', async () => {
  // The one thing a stream cannot keep is the mel, which later tokens change. With a mel that they do not change all else must fit:
  // the vocoder's context, the harmonics, the noise, every offset.
  const mel = noiseTensor([2 * (speech.length + 3), 80], 9).data.map((value, i) => value - 6 + 2 * Math.sin(i / 800))
  // All windows of this test begin at the first token, so their mel is the beginning of the whole.
  const flow = { decode: async (tokens: Int32Array) => mel.slice(0, 160 * tokens.length) }
  await using vocoder = await Vocoder.open(tiny.graphFile, { threads: 1 })
  const say = async (sizes: readonly number[]) =>
    joined(await pushAll(new SpeechStream(flow, vocoder, voice, decoderNoise(5, 2)), sizes))
  const whole = await say([])
  const windows = await say([17, 11, 20])
  let [signal, difference] = [0, 0]
  for (const [i, value] of whole.entries()) {
    signal += value * value
    difference += (value - (windows[i] ?? 0)) ** 2
  }
  const decibels = 10 * Math.log10(signal / difference)
  // 39.6 dB: the vocoder sees 8 frames ahead and would look at 14. A wrong offset anywhere gives less than 10.
  assert.ok(decibels > 35, `${decibels} dB`)
})

test('the same windows give the same samples, and an ended stream takes no more', async () => {
  assert.deepEqual(joined(await stream([15, 20])), joined(await stream([15, 20])))
  const speaking = decoder.stream(voice, seed)
  await speaking.push(speech, true, never)
  await assert.rejects(speaking.push(speech, true, never), /ended/)
})
