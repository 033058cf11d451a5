import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodeAudio } from '../../src/audio/encode/encoder.ts'
import type { Voice } from '../../src/engine/engine.ts'
import { readVoice, writeVoice } from '../../src/engine/voice-file.ts'
import { createFetcher } from '../../src/outbound/guarded-fetch.ts'
import { readWarnings } from '../../src/synthesis/reference-warnings.ts'
import { createVoices } from '../../src/synthesis/voices.ts'
import { mix, pinkNoise, scaledToRms, speechLike } from '../harness/signals.ts'
import { createToneEngine } from '../harness/tone-engine.ts'

const RATE = 16_000
const never = new AbortController().signal
const voices = createVoices({
  engine: createToneEngine(),
  maxReferenceSeconds: 60,
  cache: { find: (_, encode, signal) => encode(signal) },
  references: {
    fetcher: createFetcher({ allowHttp: false, allowPrivate: false, timeoutMs: 1000, maxBytes: 2 ** 20 }),
    maxBytes: 2 ** 20,
    readUpload: async () => undefined,
    readOutput: async () => undefined,
    readVoice: async () => undefined,
    defaultVoiceFile: undefined,
  },
})
const encode = async (samples: Float32Array) =>
  voices.find({ kind: 'bytes', bytes: await encodeAudio(samples, RATE, 'wav') }, true, never)

test('what a recording could do better stays with its voice, also through a file', async () => {
  const speech = speechLike(7, RATE)
  assert.deepEqual(readWarnings(await encode(speech)), [])
  const noisy = await encode(mix(speech, scaledToRms(pinkNoise(7, RATE), 0.03)))
  assert.deepEqual(readWarnings(noisy), ['noisy'])
  assert.deepEqual(readWarnings(readVoice(writeVoice(noisy))), ['noisy'])
})

test('a file that claims other warnings has none', () => {
  const voice: Voice = {
    model: 'preview',
    version: '1',
    tensors: {},
    metadata: { 'reference.warnings': 'a\r\nb: c clipped' },
  }
  assert.deepEqual(readWarnings(voice), ['clipped'])
})
