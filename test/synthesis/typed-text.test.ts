// Text that is typed is cut as if it had been there at once.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TypedText } from '../../src/synthesis/typed-text.ts'
import { seededRandom } from '../harness/signals.ts'

const TEXT =
  'Yes. No. Dr. Smith met J. R. R. Tolkien at 3.5 p.m. on the No. 5 bus... or was it "No. 6"? He said: "Wait!" and ' +
  'left.\n\nA title without an end\n\nIt costs $4.50, e.g. here. Really?! [laugh] Well, that is that. 你好。再见。 The end'

function typed(text: string, cut: () => number): string[] {
  const typedText = new TypedText()
  const utterances: string[] = []
  for (let at = 0; at < text.length; ) {
    const end = at + cut()
    utterances.push(...typedText.add(text.slice(at, end)))
    at = end
  }
  const rest = typedText.flush()
  return rest === undefined ? utterances : [...utterances, rest]
}

test('how the text arrives does not change the utterances, and no word is lost', () => {
  const whole = typed(TEXT, () => TEXT.length)
  assert.ok(whole.length >= 4, whole.join('|'))
  assert.equal(whole.join(' ').replace(/\s+/g, ''), TEXT.replace(/\s+/g, ''))
  const random = seededRandom(3)
  for (const cut of [() => 1, () => 2, () => 7, () => 1 + Math.floor(random() * 30)]) {
    assert.deepEqual(typed(TEXT, cut), whole)
  }
})

test('a sentence waits until the next one begins, and short ones for company', () => {
  const text = new TypedText()
  assert.deepEqual(text.add('Yes. No. '), [])
  assert.deepEqual(text.add('This one is long enough to be spoken with them. '), [])
  assert.deepEqual(text.add('N'), ['Yes. No. This one is long enough to be spoken with them.'])
  assert.equal(text.flush(), 'N')
  assert.equal(text.flush(), undefined)
})
