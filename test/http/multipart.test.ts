// Multipart bodies: text fields, files, the ways clients spell them, and the ways they break.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AppError } from '../../src/errors.ts'
import { parseMultipart } from '../../src/http/multipart.ts'
import { multipart, type Part } from './multipart-body.ts'
import { openScratchApp, REFERENCE } from './scratch-app.ts'

const scratch = await openScratchApp()
const send = (parts: readonly Part[]) => {
  const { headers, payload } = multipart(parts)
  return scratch.speak(payload, headers)
}
const TEXT: Part = { name: 'text', value: 'Grüße! 🙂' }
const VOICE: Part = { name: 'reference_audio', file: Buffer.from([0, 13, 10, 45, 45, 255]) }

test('a recording as a file part arrives byte for byte', async () => {
  assert.equal((await send([TEXT, VOICE])).statusCode, 200)
  const asked = scratch.asked.at(-1)
  assert.equal(asked?.text, 'Grüße! 🙂')
  assert.deepEqual(asked?.reference, { kind: 'bytes', bytes: VOICE.file })
})

test('a recording as text is a URL or data: URI as in JSON', async () => {
  assert.equal((await send([TEXT, { name: 'reference_audio', value: REFERENCE }])).statusCode, 200)
  assert.deepEqual(scratch.asked.at(-1)?.reference, { kind: 'string', value: REFERENCE })
})

test('numbers and booleans are read from text', async () => {
  const fields = { temperature: '1.5', top_k: '10', seed: '-1', norm_loudness: 'false', output_format: 'flac' }
  const parts = Object.entries(fields).map(([name, value]) => ({ name, value }))
  const response = await send([TEXT, VOICE, ...parts])
  assert.equal(response.headers['content-type'], 'audio/flac')
  const asked = scratch.asked.at(-1)
  assert.deepEqual(
    [asked?.sampling.temperature, asked?.sampling.topK, asked?.seed, asked?.normLoudness],
    [1.5, 10, -1, false],
  )
})

const REFUSED: [name: string, parts: Part[], code: string, error: string, param: string][] = [
  ['no text', [VOICE], 'missing_parameter', 'text is required and must be a string.', 'text'],
  ['no recording', [TEXT], 'missing_parameter', 'reference_audio is required and must be a string.', 'reference_audio'],
  [
    'text that is no number',
    [TEXT, VOICE, { name: 'temperature', value: 'hot' }],
    'invalid_parameter',
    'temperature must be a number between 0.05 and 2.',
    'temperature',
  ],
  [
    'a number out of range',
    [TEXT, VOICE, { name: 'top_k', value: '1001' }],
    'invalid_parameter',
    'top_k must be an integer between 0 and 1000.',
    'top_k',
  ],
  [
    'text as a file',
    [{ name: 'text', file: Buffer.from('Hello.') }, VOICE],
    'invalid_parameter',
    'text must be a string.',
    'text',
  ],
  ['text twice', [TEXT, TEXT, VOICE], 'invalid_parameter', 'text was sent more than once.', 'text'],
  [
    'a recording twice',
    [TEXT, VOICE, { name: 'reference_audio', value: REFERENCE }],
    'invalid_parameter',
    'reference_audio was sent more than once.',
    'reference_audio',
  ],
  [
    'an empty recording',
    [TEXT, { name: 'reference_audio', file: Buffer.alloc(0) }],
    'invalid_reference_audio',
    'Reference media rejected: The file is empty.',
    'reference_audio',
  ],
]
for (const [name, parts, code, error, param] of REFUSED) {
  test(`${name} is 400 ${code}`, async () => {
    const response = await send(parts)
    const { request_id: _, ...body } = response.json()
    assert.deepEqual([response.statusCode, body], [400, { error, code, param }])
  })
}

test('unknown fields and files are ignored and named, whatever their name', async () => {
  const names = ['voice', '__proto__', 'constructor', 'toString']
  const parts = names.map((name) => ({ name, value: '1' }))
  const response = await send([TEXT, VOICE, ...parts, { name: 'extra', file: Buffer.from('x') }])
  assert.equal(response.statusCode, 200)
  assert.equal(response.headers['x-ignored-parameters'], 'voice, __proto__, constructor, toString, extra')
})

const disposition = (rest: string, body = 'abc') =>
  Buffer.from(`--b\r\nContent-Disposition: form-data; ${rest}\r\n\r\n${body}\r\n--b--\r\n`)
const TYPE = 'multipart/form-data; boundary=b'

test('the spellings of clients are understood', async () => {
  const file = (name: string) => ({ kind: 'multipart', fields: [], files: [{ name, bytes: Buffer.from('abc') }] })
  assert.deepEqual(await parseMultipart(TYPE, disposition('name="f"; filename="é.wav"')), file('f'))
  assert.deepEqual(await parseMultipart(TYPE, disposition(`name="f"; filename*=UTF-8''%C3%A9.wav`)), file('f'))
  assert.deepEqual(await parseMultipart(TYPE, disposition('name=f; filename=voice.wav')), file('f'))
  const field = { kind: 'multipart', fields: [['f', 'abc']], files: [] }
  assert.deepEqual(await parseMultipart('multipart/form-data; boundary="b"', disposition('name="f"')), field)
  assert.deepEqual(
    await parseMultipart(TYPE, Buffer.concat([Buffer.from('preamble\r\n'), disposition('name="f"')])),
    field,
  )
  assert.deepEqual(await parseMultipart(TYPE, Buffer.concat([disposition('name="f"'), Buffer.from('epilogue')])), field)
})

test('a long file and a long field survive whole', async () => {
  const bytes = Buffer.alloc(3_000_000, '\r\n--x')
  const { payload } = multipart(
    [
      { name: 'a', file: bytes },
      { name: 'b', value: 'y'.repeat(2_000_000) },
    ],
    'b',
  )
  const { files, fields } = await parseMultipart(TYPE, payload)
  assert.equal(Buffer.compare(Buffer.from(files[0]?.bytes ?? []), bytes), 0)
  assert.equal(fields[0]?.[1].length, 2_000_000)
})

const whole = multipart([TEXT, VOICE], 'b').payload
const BROKEN: [name: string, contentType: string, body: Buffer][] = [
  ['no boundary in the header', 'multipart/form-data', whole],
  ['an empty boundary', 'multipart/form-data; boundary=', whole],
  ['a field without a name', TYPE, disposition('x="f"')],
  ['a file without a name', TYPE, disposition('filename="f"')],
  ['another boundary', 'multipart/form-data; boundary=other', whole],
  ['nothing', TYPE, Buffer.alloc(0)],
  ['no multipart at all', TYPE, Buffer.from('{"text":"Hello."}')],
  ['a missing end', TYPE, whole.subarray(0, -8)],
  ['a part cut short', TYPE, whole.subarray(0, 60)],
  [
    'more parts than any form has',
    TYPE,
    multipart(
      Array.from({ length: 65 }, (_, i) => ({ name: `p${i}` })),
      'b',
    ).payload,
  ],
]
for (const [name, contentType, body] of BROKEN) {
  test(`${name} is malformed_request`, async () => {
    await assert.rejects(parseMultipart(contentType, body), (error) => {
      assert.ok(error instanceof AppError)
      assert.equal(error.code, 'malformed_request')
      return true
    })
  })
}
