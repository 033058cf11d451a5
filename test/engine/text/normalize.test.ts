import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { packageRoot } from '../../../src/config.ts'
import { normalizePunctuation, normalizeText } from '../../../src/engine/text/normalize.ts'

// What the official `punc_norm` gave for these strings, byte by byte.
const fixture = path.join(packageRoot, 'test/engine/text/punc-norm.json')
const cases = JSON.parse(readFileSync(fixture, 'utf8')) as { in: string; out: string }[]

test('punctuation is normalised as the official punc_norm does', () => {
  assert.equal(cases.length, 46)
  for (const { in: text, out } of cases) assert.equal(normalizePunctuation(text), out, JSON.stringify(text))
})

test('double quotes and double spaces go', () => {
  assert.equal(normalizeText('He said “hi” and "bye".'), 'He said hi and bye.')
  assert.equal(normalizeText('wait… what'), 'Wait, what.')
  assert.equal(normalizeText('it’s ‘fine’'), "It's 'fine'.")
})

test('tags survive normalisation', () => {
  for (const text of ['[laugh] Well.', 'Well [clear throat] then.', 'Oh. [sigh].'])
    assert.equal(normalizeText(text), text)
})
