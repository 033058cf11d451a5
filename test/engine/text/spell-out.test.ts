import assert from 'node:assert/strict'
import { test } from 'node:test'
import { splitIntoPieces } from '../../../src/engine/text/pieces.ts'
import { spellOut } from '../../../src/engine/text/spell-out.ts'
import { DELIVERY_TAGS, SOUND_TAGS } from '../../../src/engine/text/tags.ts'

const TABLE: Readonly<Record<string, readonly (readonly [written: string, spoken: string])[]>> = {
  numbers: [
    ['I have 3 of 10.', 'I have three of ten.'],
    ['1,234,567 people', 'one million two hundred thirty-four thousand five hundred sixty-seven people'],
    ['3.14 and 0.5', 'three point one four and zero point five'],
    ['-7 or 007', 'minus seven or zero zero seven'],
    ['It is 42.', 'It is forty-two.'],
  ],
  currency: [
    ['$4.50', 'four dollars and fifty cents'],
    ['$1 or £2 or €1,000', 'one dollar or two pounds or one thousand euros'],
    ['$0.01, £0.99', 'one cent, ninety-nine pence'],
    ['$2.5 million and $3bn', 'two point five million dollars and three billion dollars'],
  ],
  dates: [
    ['2026-11-22', 'November twenty-second, twenty twenty-six'],
    ['May 4, 1984', 'May fourth, nineteen eighty-four'],
    ['on 3 Jan. 2007', 'on the third of January, two thousand seven'],
    ['March 1st', 'March first'],
    ['in 1905 and since 2000', 'in nineteen oh five and since two thousand'],
  ],
  times: [
    ['at 9:30 am', 'at nine thirty a m'],
    ['at 14:05', 'at fourteen oh five'],
    ['by 5pm', 'by five p m'],
    ['12:00', "twelve o'clock"],
  ],
  ordinals: [['the 1st, 2nd, 23rd and 100th', 'the first, second, twenty-third and one hundredth']],
  abbreviations: [
    ['Dr. Smith and Mrs. Jones', 'Doctor Smith and Missus Jones'],
    ['fruit, e.g. apples', 'fruit, for example apples'],
    ['pens, paper, etc.', 'pens, paper, et cetera.'],
    ['No. 5, but no.', 'Number five, but no.'],
  ],
  units: [
    ['5 km and 1 kg', 'five kilometers and one kilogram'],
    ['20°C, 50%', 'twenty degrees Celsius, fifty percent'],
    ['100 km/h', 'one hundred kilometers per hour'],
  ],
  addresses: [
    ['See https://www.example.com/a-b.', 'See example dot com slash a dash b.'],
    ['Write to jo.doe@example.org now', 'Write to jo dot doe at example dot org now'],
  ],
  markdown: [
    ['# Title\n\n- one\n- **two**', 'Title\n\none\ntwo'],
    ['a [link](https://example.com) and `code`', 'a link and code'],
    ['snake_case_name stays', 'snake_case_name stays'],
  ],
  emoji: [
    ['Good 👍🏽 job', 'Good   job'],
    ['© is one too', '  is one too'],
  ],
  acronyms: [['NASA, the FBI and the U.S. Army', 'NASA, the FBI and the U.S. Army']],
  quotes: [['“It’s ‘fine’,” she said.', '“It’s ‘fine’,” she said.']],
}

for (const [kind, rows] of Object.entries(TABLE)) {
  test(kind, () => {
    for (const [written, spoken] of rows) assert.equal(spellOut(written), spoken)
  })
}

test('tags are never touched, whatever stands around them', () => {
  for (const tag of [...SOUND_TAGS, ...DELIVERY_TAGS]) {
    assert.equal(spellOut(`5 [${tag}] **6** [${tag}](7)`), `five [${tag}] six [${tag}](seven)`)
  }
})

test('plain text stays as it is in every mode, and the modes differ where they say so', () => {
  const plain = 'Well, it was late. Nobody came, and the lamps went out!'
  for (const handling of ['full', 'punctuation', 'none'] as const)
    assert.deepEqual(splitIntoPieces(plain, handling), [plain])
  const written = 'It is 5 “now”…'
  assert.deepEqual(splitIntoPieces(written), splitIntoPieces(written, 'punctuation'))
  assert.deepEqual(splitIntoPieces(written, 'full'), ['It is five now,'])
  assert.deepEqual(splitIntoPieces(written, 'punctuation'), ['It is 5 now,'])
  assert.deepEqual(splitIntoPieces(written, 'none'), [written])
})

test('long texts of one kind come through every rule', () => {
  for (const part of [
    '1',
    '1,',
    '$1',
    '*',
    '_a',
    '[',
    '](',
    'a@',
    'a.',
    'http://',
    '`',
    '- ',
    '1:0',
    'May 1 ',
    '\n#',
    '😀',
    'Mr. ',
  ]) {
    assert.ok(spellOut(part.repeat(Math.ceil(20_000 / part.length))).length >= 0, part)
  }
})
