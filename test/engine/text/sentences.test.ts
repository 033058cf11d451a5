import assert from 'node:assert/strict'
import { test } from 'node:test'
import { splitSentences } from '../../../src/engine/text/sentences.ts'

const CASES: readonly (readonly string[])[] = [
  ['One.', 'Two!', 'Three?', 'Four...', 'Five?!', 'Six.'],
  ['Mr. Smith met Dr. Jones and Prof. Lee at St. James vs. Mt. Blanc.', 'They talked.'],
  ['It costs 3.50 or 1,000.25 dollars.', 'Cheap!'],
  ['See example.com/a.b?c=d or mail a.b@c.org today.', 'Then write back.'],
  ['J. R. R. Tolkien wrote it.', 'I read it.'],
  ['The U.S. Army moved at 5 a.m. sharp.', 'Nobody slept.'],
  ['This is No. 5 of them.', 'No.', 'Not that one.'],
  ['1. First things first.', '2. Second things second.'],
  ["'Stop!' he cried.", '(She did.)', 'Good.'],
  ['Fruit, e.g. apples, i.e. good ones, etc. are sold here.', 'Buy some.'],
  ['日本語です。', '次の文。', 'End.'],
  ['It was I.', 'You knew.'],
  ['Wait... what is this?', 'A test.'],
  ['No end mark'],
]

for (const sentences of CASES) {
  test(`sentences of: ${sentences.join(' ').slice(0, 60)}`, () => {
    assert.deepEqual(splitSentences(sentences.join(' ')), sentences)
  })
}

test('an empty text has no sentences', () => {
  assert.deepEqual(splitSentences('  \n '), [])
})
