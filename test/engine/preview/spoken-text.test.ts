import assert from 'node:assert/strict'
import { test } from 'node:test'
import { writeScript } from '../../../src/engine/preview/spoken-text.ts'
import { DELIVERY_TAGS, SOUND_TAGS } from '../../../src/engine/text/tags.ts'

const speech = (sentence: string) => ({ kind: 'speech', sentence }) as const
const wordsOf = (text: string): string =>
  writeScript(text)
    .items.map((item) => (item.kind === 'speech' ? item.sentence : `<${item.tag}>`))
    .join(' ')

test('sentences are spoken one by one, sounds stand between them', () => {
  assert.deepEqual(writeScript('That is funny! [laugh] Really. [clear throat] So, on we go.').items, [
    speech('That is funny!'),
    { kind: 'sound', tag: 'laugh' },
    speech('Really.'),
    { kind: 'sound', tag: 'clear throat' },
    speech('So, on we go.'),
  ])
})

for (const tag of SOUND_TAGS) {
  test(`[${tag}] is a sound and never words`, () => {
    for (const text of [`[${tag}]`, `Oh [${tag.toUpperCase()}] well.`, `Oh.[ ${tag} ]`, `[${tag}][${tag}].`]) {
      const { items } = writeScript(text)
      assert.ok(items.some((item) => item.kind === 'sound' && item.tag === tag))
      const spoken = items.flatMap((item) => (item.kind === 'speech' ? [item.sentence] : [])).join(' ')
      for (const word of tag.split(' ')) assert.ok(!spoken.toLowerCase().includes(word), `${text} → ${spoken}`)
    }
  })
}

for (const tag of DELIVERY_TAGS) {
  test(`[${tag}] colours nothing in the preview and is never words`, () => {
    assert.deepEqual(writeScript(`[${tag}] Go on.`).items, [speech('Go on.')])
    assert.deepEqual(writeScript(`[${tag}].`).items, [])
  })
}

test('the words of unknown bracketed text are read', () => {
  assert.equal(wordsOf('Hello [my friend] there.'), 'Hello my friend there.')
  assert.equal(wordsOf('An array[0] and [unclosed'), 'An array 0 and [unclosed')
})

const FOLDED: readonly (readonly [string, string])[] = [
  ['Ünïcode straße, naïve café.', 'Unicode strasse, naive cafe.'],
  ['Ærø, Łódź, Þór, ﬁne.', 'aero, lodz, thor, fine.'],
  ['It’s “so” – well…', "It's so - well..."],
  ['We meet at 10,30 or 1,000.', 'We meet at 10 30 or 1,000.'],
  ['See https,//example.com/x.', 'See example.com/x.'],
  ['It costs £5.50 or €3.', 'It costs 5.50 pounds or 3 euros.'],
  ['It is 20° now 😀🎉.', 'It is 20 degrees now .'],
  ['Ｆｕｌｌ　ｗｉｄｔｈ.', 'Full width.'],
]
for (const [text, spoken] of FOLDED) {
  test(`${text} is spoken as ${spoken}`, () => {
    assert.equal(wordsOf(text), spoken)
    assert.equal(writeScript(text).wordsLeftOut, false)
  })
}

test('words in other scripts are left out, and that is told', () => {
  assert.deepEqual(writeScript('Hello 世界 friend.'), { items: [speech('Hello friend.')], wordsLeftOut: true })
  assert.deepEqual(writeScript('Привет, мир.'), { items: [], wordsLeftOut: true })
})

test('nothing speakable gives nothing', () => {
  for (const text of ['', '...', '😀', '—', '¿?', '日本語。']) assert.deepEqual(writeScript(text).items, [], text)
})

test('endless words are cut, so that none takes Flite more than a moment', () => {
  const spoken = wordsOf(`${'x'.repeat(5000)} end`)
  assert.ok(spoken.split(' ').every((word) => word.length <= 32))
  assert.equal(spoken.replaceAll(' ', ''), `${'x'.repeat(5000)}end`)
})
