// Every parameter of speech at, inside and outside its bounds, of the wrong type, and its exact refusal.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { OUTPUT_FORMATS, readTextField, speechSchema, speechWithDefaultVoiceSchema } from '../../src/contract/speech.ts'

const VALID = { text: 'Hello.', reference_audio: 'https://example.com/voice.mp3' }
const messageFor = (body: object): string | undefined => speechSchema.safeParse(body).error?.issues[0]?.message

test('the defaults are the documented ones', () => {
  assert.deepEqual(speechSchema.parse(VALID), {
    ...VALID,
    temperature: 0.7,
    top_p: 0.9,
    top_k: 500,
    min_p: 0,
    repetition_penalty: 1.3,
    seed: 42,
    norm_loudness: true,
  })
})

const NUMBERS: [name: string, minimum: number, maximum: number][] = [
  ['temperature', 0.05, 2],
  ['top_p', 0, 1],
  ['min_p', 0, 1],
  ['repetition_penalty', 1, 2],
]
for (const [name, minimum, maximum] of NUMBERS) {
  test(`${name} takes ${minimum} to ${maximum} and nothing else`, () => {
    for (const value of [minimum, (minimum + maximum) / 2, maximum]) {
      assert.equal(messageFor({ ...VALID, [name]: value }), undefined)
    }
    for (const value of [minimum - 0.001, maximum + 0.001, -1e308, 1e308]) {
      assert.equal(messageFor({ ...VALID, [name]: value }), `${name} must be between ${minimum} and ${maximum}.`)
    }
    for (const value of ['1', null, true, [1], {}, Number.NaN, Number.POSITIVE_INFINITY]) {
      assert.equal(
        messageFor({ ...VALID, [name]: value }),
        `${name} must be a number between ${minimum} and ${maximum}.`,
      )
    }
  })
}

test('top_k takes integers from 0 to 1000', () => {
  for (const value of [0, 1, 500, 1000]) assert.equal(messageFor({ ...VALID, top_k: value }), undefined)
  for (const value of [-1, 1001, 0.5, 1e300, '5', null, true]) {
    assert.equal(messageFor({ ...VALID, top_k: value }), 'top_k must be an integer between 0 and 1000.')
  }
})

test('seed takes every integer that JSON carries exactly', () => {
  for (const seed of [-1, 0, 1, 42, -7, 2 ** 32, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER]) {
    assert.equal(messageFor({ ...VALID, seed }), undefined)
  }
  for (const seed of [1.5, 2 ** 53, 1e300, '42', null]) {
    assert.equal(
      messageFor({ ...VALID, seed }),
      'seed must be an integer between -9007199254740991 and 9007199254740991.',
    )
  }
})

test('norm_loudness takes true and false', () => {
  for (const value of [true, false]) assert.equal(messageFor({ ...VALID, norm_loudness: value }), undefined)
  for (const value of [1, 0, 'true', null]) {
    assert.equal(messageFor({ ...VALID, norm_loudness: value }), 'norm_loudness must be true or false.')
  }
})

test('output_format takes the known formats', () => {
  for (const format of Object.keys(OUTPUT_FORMATS)) {
    assert.equal(messageFor({ ...VALID, output_format: format }), undefined)
  }
  for (const value of ['aac', 'WAV', '', 1, null, 'toString']) {
    assert.equal(
      messageFor({ ...VALID, output_format: value }),
      'output_format must be one of wav, mp3, ogg, flac, pcm.',
    )
  }
})

test('text is required, and white space is no text', () => {
  const { text: _, ...withoutText } = VALID
  for (const body of [withoutText, { ...VALID, text: '' }, { ...VALID, text: ' \n\t\u00a0\u2003' }]) {
    assert.equal(messageFor(body), 'text is required and must be a string.')
  }
  for (const text of [1, null, ['a'], {}]) assert.equal(messageFor({ ...VALID, text }), 'text must be a string.')
  assert.equal(messageFor({ ...VALID, text: 'a\0b' }), 'text must not contain the character U+0000.')
})

test('text is measured in characters as people count them, not in UTF-16 units', () => {
  assert.equal(messageFor({ ...VALID, text: 'a'.repeat(10_000) }), undefined)
  assert.equal(messageFor({ ...VALID, text: '🙂'.repeat(10_000) }), undefined)
  assert.equal(
    messageFor({ ...VALID, text: 'a'.repeat(10_001) }),
    'text is 10,001 characters; the limit is 10,000 here; /v2/chatterbox-turbo-tts takes up to 100,000.',
  )
  assert.equal(
    messageFor({ ...VALID, text: '🙂'.repeat(12_400) }),
    'text is 12,400 characters; the limit is 10,000 here; /v2/chatterbox-turbo-tts takes up to 100,000.',
  )
})

test('unpaired surrogates in text become replacement characters; pairs stay', () => {
  assert.equal(speechSchema.parse({ ...VALID, text: 'a\ud800b🙂' }).text, 'a\ufffdb🙂')
})

test('reference_audio is required unless the server has a default voice', () => {
  assert.equal(messageFor({ text: 'Hello.' }), 'reference_audio is required and must be a string.')
  assert.equal(
    messageFor({ text: 'Hello.', reference_audio: ' ' }),
    'reference_audio is required and must be a string.',
  )
  assert.equal(messageFor({ text: 'Hello.', reference_audio: 7 }), 'reference_audio must be a string.')
  assert.equal(
    messageFor({ text: 'Hello.', reference_audio: 'https://a/\0' }),
    'reference_audio must not contain the character U+0000.',
  )
  assert.equal(speechWithDefaultVoiceSchema.safeParse({ text: 'Hello.' }).success, true)
})

test('text fields of a multipart body are read as what their parameter is', () => {
  assert.equal(readTextField('temperature', '0.7'), 0.7)
  assert.equal(readTextField('temperature', ' .5 '), 0.5)
  assert.equal(readTextField('top_k', '1e2'), 100)
  assert.equal(readTextField('seed', '-1'), -1)
  assert.equal(readTextField('norm_loudness', 'False'), false)
  assert.equal(readTextField('text', '42'), '42')
  for (const value of ['', 'abc', '0x10', '1,5', 'Infinity', 'NaN'])
    assert.equal(readTextField('temperature', value), value)
  assert.equal(readTextField('norm_loudness', 'yes'), 'yes')
})
