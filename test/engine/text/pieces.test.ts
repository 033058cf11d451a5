import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { hasWords, MAX_PIECE_CHARACTERS, splitIntoPieces } from '../../../src/engine/text/pieces.ts'
import { DELIVERY_TAGS, SOUND_TAGS } from '../../../src/engine/text/tags.ts'

const STORY =
  'The lighthouse keeper had not spoken to anyone for three weeks. Every morning he climbed the 214 steps, cleaned the lamp, ' +
  'and wrote one line into the book: wind, sea, visibility. On the fourth Monday a letter lay on the door mat! How could that be? ' +
  'No boat had come. He read it twice, laughed, [laugh] and put the kettle on. Then he began to pack. '

/** Letters and digits alone: what must not get lost, whatever happens to spaces and punctuation. */
const wordsOf = (text: string): string => text.replace(/[^\p{L}\p{N}]/gu, '').toLowerCase()

test('a short text is one piece, normalised', () => {
  assert.deepEqual(splitIntoPieces('hello “world”'), ['Hello world.'])
})

test('a long text becomes pieces of whole sentences, the first one short', () => {
  const pieces = splitIntoPieces(STORY.repeat(10))
  assert.ok(pieces.length > 5)
  assert.ok((pieces[0]?.length ?? 0) <= 110, pieces[0])
  for (const piece of pieces) assert.match(piece, /[.!?]$/, piece)
  assert.equal(wordsOf(pieces.join(' ')), wordsOf(STORY.repeat(10)))
})

test('a long first sentence is cut at a clause, so that sound comes early', () => {
  const [first = '', second = ''] = splitIntoPieces(
    'When the old clock on the church tower of our village struck twelve, everybody who had been waiting in the square since the early morning hours cheered.',
  )
  assert.equal(first, 'When the old clock on the church tower of our village struck twelve,')
  assert.match(second, /^everybody .* cheered\.$/)
})

test('paragraphs end sentences even without a full stop', () => {
  assert.deepEqual(splitIntoPieces('A title\n\nIts first line.'), ['A title. Its first line.'])
})

test('what holds no words joins its neighbour', () => {
  for (const text of ['🎉\n\nHello there.', 'Hello there.\n\n🎉', '— \n\nHello.']) {
    const pieces = splitIntoPieces(text)
    assert.equal(pieces.length, 1, text)
    assert.ok(hasWords(pieces[0] ?? ''))
  }
})

const ENDLESS: readonly (readonly [string, string])[] = [
  ['a word of 10,000 letters', 'x'.repeat(10_000)],
  ['10,000 characters without a full stop', 'word '.repeat(2000)],
  ['10,000 characters of clauses', 'and then, '.repeat(1000)],
  ['10,000 characters of tags', 'ha[clear throat]'.repeat(625)],
  ['10,000 characters without spaces', '日本語の文章'.repeat(1666)],
  ['a letter with 2,000 accents', `e${'\u0301'.repeat(2000)}`],
  ['flags', '🇩🇪'.repeat(500)],
]
for (const [what, text] of ENDLESS) {
  test(`${what} is cut under ${MAX_PIECE_CHARACTERS} characters, words and tags whole`, () => {
    const pieces = splitIntoPieces(text)
    assert.ok(pieces.length > 1)
    for (const piece of pieces) {
      assert.ok(piece.length <= MAX_PIECE_CHARACTERS, `${piece.length}`)
      assert.equal(piece.replace(/\[clear throat\]/g, '').search(/[[\]]/), -1, `a tag was cut: ${piece}`)
      assert.doesNotMatch(piece, /\p{Surrogate}/u)
    }
    assert.equal(wordsOf(pieces.join('')), wordsOf(text))
  })
}

test('whatever the text: pieces are short, hold all words in order, and cut no tag', () => {
  const tag = fc.constantFrom(...SOUND_TAGS, ...DELIVERY_TAGS).map((name) => `[${name}]`)
  const word = fc.oneof(
    { weight: 8, arbitrary: fc.stringMatching(/^[a-zA-Z0-9]{1,12}[.,!?;:]{0,2}$/) },
    { weight: 2, arbitrary: tag },
    {
      weight: 1,
      arbitrary: fc.constantFrom('\n\n', '…', '—', '“', '日本語。', '😀', 'Mr.', 'e.g.', '3.14', 'x'.repeat(400)),
    },
  )
  const texts = fc.array(word, { minLength: 1, maxLength: 120 }).map((words) => words.join(' '))
  fc.assert(
    fc.property(texts, (text) => {
      const pieces = splitIntoPieces(text)
      assert.ok(pieces.every((piece) => piece.length <= MAX_PIECE_CHARACTERS && piece !== ''))
      assert.equal(wordsOf(pieces.join(' ')), wordsOf(text))
      const tags = (what: string) => what.match(/\[[a-z ]+\]/g) ?? []
      assert.deepEqual(pieces.flatMap(tags), tags(text))
    }),
    { numRuns: 300, seed: 20261122 },
  )
})

test('pieces joined again are cut at the same places', () => {
  const pieces = splitIntoPieces(STORY.repeat(4))
  assert.deepEqual(splitIntoPieces(pieces.join(' ')), pieces)
})
