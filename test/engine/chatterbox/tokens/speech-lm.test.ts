import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import {
  SpeechLm,
  type SpeechLmOptions,
  type SpeechTokensRequest,
} from '../../../../src/engine/chatterbox/tokens/speech-lm.ts'
import { randomNumbers } from '../../../../src/engine/random.ts'
import { AppError } from '../../../../src/errors.ts'
import { TinyT3 } from '../../../harness/tiny-t3.ts'

const tiny = new TinyT3()
after(() => tiny[Symbol.dispose]())
const graphFile = tiny.compile('int8')
const options: SpeechLmOptions = { threads: 1, slots: 4, positions: 512, voiceCacheBytes: 64e6 }
const open = (changes: Partial<SpeechLmOptions> = {}) => SpeechLm.open(graphFile, { ...options, ...changes })
const never = new AbortController().signal

/** Other text, voice length, sampling and seed for every id. */
function request(id: number, changes: Partial<SpeechTokensRequest> = {}): SpeechTokensRequest {
  return {
    textTokens: Array.from({ length: 5 + ((id * 7) % 40) }, (_, i) => (i * 13 + id) % 256),
    voice: {
      speakerEmbedding: Float32Array.from({ length: 32 }, (_, i) => Math.sin(i + id)),
      promptTokens: Int32Array.from({ length: 20 + id }, (_, i) => (i * 101 + id) % 6561),
    },
    sampling: { temperature: 0.8, topK: 200 + id, topP: 0.95, minP: 0, repetitionPenalty: 1.2 },
    uniform: randomNumbers(1000 + id, 0, 7).uniform,
    maxTokens: 10 + ((id * 11) % 30),
    ...changes,
  }
}

const ids = [0, 1, 2, 3, 4, 5, 6]

test('the same request gives the same tokens alone, in company, in any order and after a restart', async () => {
  const alone: number[][] = []
  {
    await using lm = await open()
    for (const id of ids) alone.push((await lm.generate(request(id), never)).tokens)
  }
  assert.equal(new Set(alone.map(String)).size, ids.length)
  await using lm = await open()
  for (const order of [ids, ids.toReversed(), [3, 3, 0, 6, 3, 1]]) {
    // More of them than slots: some join when others leave.
    const together = await Promise.all(order.map((id) => lm.generate(request(id), never)))
    assert.deepEqual(
      together.map(({ tokens }) => tokens),
      order.map((id) => alone[id]),
    )
  }
})

test('another seed gives other tokens', async () => {
  await using lm = await open()
  const { tokens } = await lm.generate(request(1), never)
  const other = await lm.generate(request(1, { uniform: randomNumbers(5, 0, 7).uniform }), never)
  assert.notDeepEqual(other.tokens, tokens)
})

test('a voice that is not kept is prefilled again, with the same tokens', async () => {
  await using keeping = await open()
  await using forgetting = await open({ voiceCacheBytes: 1 })
  for (const id of [2, 2]) {
    const [kept, again] = await Promise.all([keeping, forgetting].map((lm) => lm.generate(request(id), never)))
    assert.deepEqual(kept, again)
  }
})

test('the copying way speaks the same tokens', async () => {
  await using inPlace = await open()
  await using copying = await open({ inPlace: false })
  assert.deepEqual([inPlace.inPlace, copying.inPlace], [true, false])
  const [a, b] = await Promise.all([inPlace, copying].map((lm) => lm.generate(request(4), never)))
  assert.deepEqual(a, b)
})

test('an utterance ends at its cap and says so', async () => {
  await using lm = await open()
  const { tokens, ending } = await lm.generate(request(1, { maxTokens: 7 }), never)
  // Tokens of the start id would be left out; this seed draws none.
  assert.deepEqual([tokens.length, ending], [7, 'token-cap'])
})

test('an abort frees the slot within a step, and the others go on undisturbed', async () => {
  await using lm = await open({ slots: 2 })
  const expected = await lm.generate(request(3), never)
  const abort = new AbortController()
  let drawn = 0
  const doomed = request(1, {
    maxTokens: 300,
    uniform: (position) => {
      drawn = position
      if (position === 5) abort.abort(new Error('caller left'))
      return 0.5
    },
  })
  const aborted = assert.rejects(lm.generate(doomed, abort.signal), /caller left/)
  const others = await Promise.all([lm.generate(request(3), never), lm.generate(request(3), never)])
  await aborted
  assert.equal(drawn, 5)
  assert.deepEqual(others, [expected, expected])
})

test('who is aborted while waiting is rejected, and never spoken', async () => {
  await using lm = await open({ slots: 1 })
  const abort = new AbortController()
  const first = lm.generate(request(1), never)
  const second = assert.rejects(lm.generate(request(2), abort.signal), /caller left/)
  abort.abort(new Error('caller left'))
  await second
  assert.ok((await first).tokens.length > 0)
  await assert.rejects(lm.generate(request(2), AbortSignal.abort(new Error('gone before'))), /gone before/)
  assert.ok((await lm.generate(request(2), never)).tokens.length > 0)
})

test('a text that leaves no room for its speech is refused, a long one is capped', async () => {
  await using lm = await open()
  const long = Array.from({ length: 420 }, () => 65)
  assert.throws(
    () => lm.generate(request(0, { textTokens: long, maxTokens: 500 }), never),
    (error) => error instanceof AppError && error.code === 'text_too_long' && error.param === 'text',
  )
  const room = 512 - (1 + 20 + 380 + 1)
  const { tokens, ending } = await lm.generate(request(0, { textTokens: long.slice(0, 380), maxTokens: 500 }), never)
  assert.deepEqual([tokens.length, ending], [room, 'token-cap'])
})

test('closing rejects what is still being spoken', async () => {
  const lm = await open()
  const left = assert.rejects(lm.generate(request(1, { maxTokens: 300 }), never), /shut down/)
  await lm[Symbol.asyncDispose]()
  await left
})
