// A voice file says whatever its author likes: what no recording could have become must not reach the graphs.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fromVoice, toVoice } from '../../../../src/engine/chatterbox/voice/conditionals.ts'
import type { Voice, VoiceTensor } from '../../../../src/engine/engine.ts'

const SPEAKER_SIZE = 32
const conditionals = {
  speakerEmbedding: new Float32Array(SPEAKER_SIZE).fill(0.1),
  promptTokens: Int32Array.of(0, 6560),
  decoder: { tokens: Int32Array.of(5, 6), mel: new Float32Array(4 * 80), frames: 4, xvector: new Float32Array(192) },
}
const voice = toVoice(conditionals, { model: 'turbo', version: '1' })
const floats = (size: number, value = 0): VoiceTensor => ({
  dtype: 'F32',
  shape: [size],
  data: new Float32Array(size).fill(value),
})
const tokens = (...values: number[]): VoiceTensor => ({
  dtype: 'I64',
  shape: [values.length],
  data: BigInt64Array.from(values, BigInt),
})

test('a voice that the model made comes back', () => assert.deepEqual(fromVoice(voice, SPEAKER_SIZE), conditionals))

const HOSTILE: readonly (readonly [string, keyof Voice['tensors'], VoiceTensor])[] = [
  ['a speaker of another size', 't3.speaker_emb', floats(33)],
  ['integers for a speaker', 't3.speaker_emb', tokens(1, 2)],
  ['a speaker that is no number', 't3.speaker_emb', floats(SPEAKER_SIZE, Number.NaN)],
  ['a speaker as large as floats get', 't3.speaker_emb', floats(SPEAKER_SIZE, 3e38)],
  ['no prompt', 't3.cond_prompt_speech_tokens', tokens()],
  ['a prompt that is too long', 't3.cond_prompt_speech_tokens', tokens(...new Array(376).fill(1))],
  ['a token beyond the alphabet', 't3.cond_prompt_speech_tokens', tokens(6561)],
  ['a negative token', 'gen.prompt_token', tokens(5, -1)],
  ['floats for tokens', 'gen.prompt_token', floats(2)],
  ['a mel that does not fit its tokens', 'gen.prompt_feat', floats(6 * 80)],
  ['half a frame', 'gen.prompt_feat', floats(4 * 80 + 40)],
  ['an infinite mel', 'gen.prompt_feat', floats(4 * 80, Number.NEGATIVE_INFINITY)],
  ['an x-vector of another size', 'gen.embedding', floats(191)],
]
for (const [what, name, tensor] of HOSTILE) {
  test(`${what} is refused by name`, () => {
    assert.throws(() => fromVoice({ ...voice, tensors: { ...voice.tensors, [name]: tensor } }, SPEAKER_SIZE), {
      code: 'invalid_reference_audio',
      message: new RegExp(`its ${name} is not what this model makes`),
    })
  })
}

test('a voice without one of its tensors is refused', () => {
  const { 'gen.embedding': _, ...rest } = voice.tensors
  assert.throws(() => fromVoice({ ...voice, tensors: rest }, SPEAKER_SIZE), { code: 'invalid_reference_audio' })
})
