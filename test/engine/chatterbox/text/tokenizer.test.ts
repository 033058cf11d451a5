import assert from 'node:assert/strict'
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { packageRoot } from '../../../../src/config.ts'
import { createTokenizer, readTokenizer } from '../../../../src/engine/chatterbox/text/tokenizer.ts'

/** A BPE of 74 merges trained on a few sentences; cases.json holds what the reference implementation (Rust `tokenizers`) makes of them. */
const fixtures = path.join(packageRoot, 'test/fixtures/tokenizer')
const LAUGH = 349

test('gives the ids of the reference implementation, whatever the text', async () => {
  const tokenizer = await readTokenizer(fixtures)
  const cases = JSON.parse(readFileSync(path.join(fixtures, 'cases.json'), 'utf8')) as [string, number[]][]
  assert.ok(cases.length > 20)
  for (const [text, ids] of cases) assert.deepEqual(tokenizer.encode(text), ids, JSON.stringify(text))
})

test('a tag is one id and the text around it is cut at it', async () => {
  const tokenizer = await readTokenizer(fixtures)
  assert.deepEqual(tokenizer.encode('[laugh]'), [LAUGH])
  assert.deepEqual(tokenizer.encode('a[laugh] a'), [...tokenizer.encode('a'), LAUGH, ...tokenizer.encode(' a')])
  assert.ok(tokenizer.encode('[laugh').length > 1)
})

test('a tag swallows the blanks beside it where the checkpoint says so', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'tokenizer-'))
  try {
    for (const file of ['vocab.json', 'merges.txt', 'added_tokens.json'])
      copyFileSync(path.join(fixtures, file), path.join(folder, file))
    const laugh = { content: '[laugh]', lstrip: true, rstrip: false }
    writeFileSync(path.join(folder, 'tokenizer_config.json'), JSON.stringify({ added_tokens_decoder: { 349: laugh } }))
    const tokenizer = await readTokenizer(folder)
    assert.deepEqual(tokenizer.encode('a \u0085[laugh] a'), [
      ...tokenizer.encode('a'),
      LAUGH,
      ...tokenizer.encode(' a'),
    ])
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('the longer of two tags that begin alike wins', () => {
  const vocabulary = new Map(Array.from({ length: 256 }, (_, byte) => [byteCharacter(byte), byte]))
  const flags = { lstrip: false, rstrip: false }
  const addedTokens = [
    { content: '[a', id: 300, ...flags },
    { content: '[ab]', id: 301, ...flags },
  ]
  const tokenizer = createTokenizer({ vocabulary, merges: [], addedTokens })
  assert.deepEqual(tokenizer.encode('[ab][ac'), [301, 300, 'c'.charCodeAt(0)])
})

/** GPT-2's byte alphabet: printable Latin-1 stands for itself, the other bytes for U+0100 and on, in order. */
function byteCharacter(byte: number): string {
  const printable = (b: number) => (b > 0x20 && b < 0x7f) || (b > 0xa0 && b !== 0xad)
  if (printable(byte)) return String.fromCharCode(byte)
  const before = Array.from({ length: byte }, (_, b) => b).filter((b) => !printable(b)).length
  return String.fromCharCode(0x100 + before)
}
