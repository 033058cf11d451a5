// The Accept header, row by row.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FORMAT_FACTS } from '../../src/audio/formats.ts'
import { formatOf, OUTPUT_FORMATS } from '../../src/contract/speech.ts'
import { negotiate } from '../../src/http/negotiate.ts'

const TABLE: [accept: string | undefined, format: string, asJson: boolean][] = [
  [undefined, 'wav', false],
  ['', 'wav', false],
  ['*/*', 'wav', false],
  ['audio/*', 'wav', false],
  ['audio/wav', 'wav', false],
  ['audio/x-wav', 'wav', false],
  ['audio/mpeg', 'mp3', false],
  ['AUDIO/MPEG', 'mp3', false],
  ['audio/mp3', 'mp3', false],
  ['audio/ogg', 'ogg', false],
  ['audio/ogg; codecs=opus', 'ogg', false],
  ['audio/flac', 'flac', false],
  ['audio/pcm', 'pcm', false],
  ['audio/aac', 'wav', false],
  ['text/html,application/xhtml+xml', 'wav', false],
  // Quality decides, the first listed wins a tie.
  ['audio/wav;q=0.5, audio/mpeg;q=0.9', 'mp3', false],
  ['audio/mpeg, audio/ogg', 'mp3', false],
  ['audio/ogg, audio/mpeg', 'ogg', false],
  ['audio/ogg;q=0.3,*/*;q=0.2', 'ogg', false],
  ['audio/ogg;q=0.2,*/*;q=0.3', 'wav', false],
  ['*/*, audio/mpeg', 'wav', false],
  ['audio/aac, audio/mpeg;q=0.1', 'mp3', false],
  // What is refused is not sent for a wildcard.
  ['audio/wav;q=0, */*', 'mp3', false],
  ['audio/wav;q=0', 'mp3', false],
  // Nonsense is ignored.
  ['audio/mpeg;q=abc', 'mp3', false],
  ['audio/mpeg;q=7', 'mp3', false],
  ['audio/mpeg;q=-1', 'mp3', false],
  [',,;;,', 'wav', false],
  ['audio/mpeg;level=1;q=0.1, audio/flac; q = 0.2', 'flac', false],
  // JSON: named, and no audio taken at all.
  ['application/json', 'wav', true],
  ['application/json;q=0.1, text/plain', 'wav', true],
  ['application/json, text/plain, */*', 'wav', false],
  ['application/json, audio/*;q=0.1', 'wav', false],
  ['application/json, audio/mpeg', 'mp3', false],
  ['application/json, audio/aac', 'wav', false],
  ['application/json;q=0, text/plain', 'wav', false],
  ['application/json, audio/wav;q=0', 'mp3', true],
  ['application/json, */*;q=0', 'wav', true],
  ['application/*', 'wav', false],
]

for (const [accept, format, asJson] of TABLE) {
  test(`Accept: ${accept ?? '(none)'} → ${asJson ? 'JSON about ' : ''}${format}`, () => {
    assert.deepEqual(negotiate(accept, undefined), { format, asJson })
  })
}

test('output_format beats Accept for the encoding, not for JSON', () => {
  assert.deepEqual(negotiate('audio/mpeg', 'flac'), { format: 'flac', asJson: false })
  assert.deepEqual(negotiate('application/json', 'ogg'), { format: 'ogg', asJson: true })
})

test('the contract and the encoders know the same formats by the same names', () => {
  assert.deepEqual(Object.keys(OUTPUT_FORMATS).sort(), Object.keys(FORMAT_FACTS).sort())
  for (const [format, { mediaType, extension }] of Object.entries(FORMAT_FACTS)) {
    assert.equal(formatOf(mediaType), format)
    assert.equal(extension, format)
    assert.equal(OUTPUT_FORMATS[format as keyof typeof OUTPUT_FORMATS][0], mediaType)
  }
})
