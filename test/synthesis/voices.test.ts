import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Voice } from '../../src/engine/engine.ts'
import { writeVoice } from '../../src/engine/voice-file.ts'
import { createFetcher } from '../../src/outbound/guarded-fetch.ts'
import { createVoices } from '../../src/synthesis/voices.ts'
import { createToneEngine } from '../harness/tone-engine.ts'

const never = new AbortController().signal
const VOICE: Voice = {
  model: 'preview',
  version: 'tone',
  tensors: { row: { dtype: 'F32', shape: [2], data: Float32Array.of(1, 2) } },
  metadata: { note: 'mine' },
}
const voices = createVoices({
  engine: createToneEngine(),
  maxReferenceSeconds: 60,
  cache: { find: () => assert.fail('a voice file is encoded already') },
  references: {
    fetcher: createFetcher({ allowHttp: false, allowPrivate: false, timeoutMs: 1000, maxBytes: 2 ** 20 }),
    maxBytes: 2 ** 20,
    readUpload: async () => writeVoice(VOICE),
    readOutput: async () => undefined,
    readVoice: async () => undefined,
    defaultVoiceFile: undefined,
  },
})
const find = (bytes: Uint8Array) => voices.find({ kind: 'bytes', bytes }, true, never)
const refused = (message: RegExp) => ({ code: 'invalid_reference_audio', param: 'reference_audio', message })

test('a voice file is taken as bytes, as a data: URI and as an upload, and is not encoded again', async () => {
  const bytes = writeVoice(VOICE)
  assert.deepEqual(await find(bytes), VOICE)
  const values = [
    `data:application/octet-stream;base64,${Buffer.from(bytes).toString('base64')}`,
    'https://tts.example/assets/0123456789abcdef0123456789abcdef.safetensors',
  ]
  for (const value of values) assert.deepEqual(await voices.find({ kind: 'string', value }, true, never), VOICE)
})

test('a voice of another model or version is refused, naming both', async () => {
  await assert.rejects(
    find(writeVoice({ ...VOICE, model: 'nano', version: 'abc' })),
    refused(/made by nano, version abc; this is preview, version tone/),
  )
  await assert.rejects(find(writeVoice({ ...VOICE, version: '0' })), refused(/made by preview, version 0;/))
})

test('a damaged voice file is refused as such and never decoded as audio', async () => {
  const bytes = Uint8Array.from(writeVoice(VOICE))
  await assert.rejects(find(bytes.subarray(0, -1)), refused(/ends in the middle of tensor "row"/))
  bytes[bytes.length - 2] = 0x55
  await assert.rejects(find(bytes), refused(/damaged/))
})
