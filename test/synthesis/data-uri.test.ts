import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseDataUri } from '../../src/synthesis/data-uri.ts'

const textOf = (uri: string, maxBytes = 1000): string => {
  const parsed = parseDataUri(uri, maxBytes)
  return parsed.kind === 'bytes' ? Buffer.from(parsed.bytes).toString('latin1') : parsed.kind
}

test('whatever bytes go in come out, in either form', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      const buffer = Buffer.from(bytes)
      const text = buffer.toString('latin1')
      const escaped = [...bytes].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('')
      assert.equal(textOf(`data:audio/wav;base64,${buffer.toString('base64')}`), text)
      assert.equal(textOf(`data:,${escaped}`), text)
    }),
  )
})

const ACCEPTED = {
  'DATA:audio/wav;BASE64,UklGRg==': 'RIFF',
  'data:audio/mpeg;codecs=x;base64,UklGRg': 'RIFF',
  'data:audio/wav;base64,UklG\nRg==\n': 'RIFF',
  'data:audio/wav;base64,UklGRg%3D%3D': 'RIFF',
  'data:audio/wav,RI%46F,x': 'RIFF,x',
  'data:audio/wav;base64,': '',
}
for (const [uri, text] of Object.entries(ACCEPTED)) {
  test(`${JSON.stringify(uri)} is understood`, () => assert.equal(textOf(uri), text))
}

const INVALID = [
  'data:audio/wav;base64',
  'data:audio/wav;base64,UklG*g==',
  'data:audio/wav;base64,UklGR',
  'data:audio/wav;base64,Ukl=GRg',
  'data:audio/wav;base64,UklGRg===',
  'data:audio/wav;base64,ÜklGRg==',
  'data:audio/wav,ä',
  'data:audio/wav,%4',
  'data:audio/wav,%zz',
  `data:${'a'.repeat(2000)},x`,
]
for (const uri of INVALID) {
  test(`${JSON.stringify(uri.slice(0, 50))} is not a data: URI`, () => assert.equal(textOf(uri), 'invalid'))
}

test('the limit counts bytes, not characters', () => {
  const uri = (bytes: number) => `data:;base64,${Buffer.alloc(bytes).toString('base64')}`
  assert.equal(parseDataUri(uri(1000), 1000).kind, 'bytes')
  assert.equal(parseDataUri(uri(1001), 1000).kind, 'too-large')
  assert.equal(parseDataUri(uri(100_000), 1000).kind, 'too-large')
  assert.equal(parseDataUri(`data:,${'%00'.repeat(1000)}`, 1000).kind, 'bytes')
})
