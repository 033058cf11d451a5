// What is written and not said – figures, signs, addresses, mark-up – as English words. Sound tags are never touched, acronyms stay as they are.
import { cardinal, decimal, digitByDigit, ordinal, year } from './number-words.ts'
import { BRACKETED, recognizeTag } from './tags.ts'

type Rule = readonly [pattern: RegExp, say: (...groups: string[]) => string]

const MONTHS = 'January February March April May June July August September October November December'.split(' ')
const MONTH = `(Jan(?:uary|\\.)?|Feb(?:ruary|\\.)?|Mar(?:ch|\\.)?|Apr(?:il|\\.)?|May|June?|July?|Aug(?:ust|\\.)?|Sept?(?:ember|\\.)?|Oct(?:ober|\\.)?|Nov(?:ember|\\.)?|Dec(?:ember|\\.)?)`
const NUMBER = '(\\d{1,3}(?:,\\d{3})+(?:\\.\\d+)?|\\d+(?:\\.\\d+)?)'
const CURRENCIES: Readonly<Record<string, readonly [string, string, string, string]>> = {
  $: ['dollar', 'dollars', 'cent', 'cents'],
  '€': ['euro', 'euros', 'cent', 'cents'],
  '£': ['pound', 'pounds', 'penny', 'pence'],
}
const SCALES: Readonly<Record<string, string>> = { k: 'thousand', m: 'million', bn: 'billion', b: 'billion' }
const UNITS: Readonly<Record<string, readonly [string, string]>> = {
  km: ['kilometer', 'kilometers'],
  cm: ['centimeter', 'centimeters'],
  mm: ['millimeter', 'millimeters'],
  kg: ['kilogram', 'kilograms'],
  mg: ['milligram', 'milligrams'],
  'km/h': ['kilometer per hour', 'kilometers per hour'],
  mph: ['mile per hour', 'miles per hour'],
  lb: ['pound', 'pounds'],
  lbs: ['pound', 'pounds'],
  ft: ['foot', 'feet'],
  GB: ['gigabyte', 'gigabytes'],
  MB: ['megabyte', 'megabytes'],
  kB: ['kilobyte', 'kilobytes'],
  GHz: ['gigahertz', 'gigahertz'],
  kHz: ['kilohertz', 'kilohertz'],
  Hz: ['hertz', 'hertz'],
  ms: ['millisecond', 'milliseconds'],
  '°C': ['degree Celsius', 'degrees Celsius'],
  '°F': ['degree Fahrenheit', 'degrees Fahrenheit'],
  '°': ['degree', 'degrees'],
  '%': ['percent', 'percent'],
}
const ABBREVIATIONS: Readonly<Record<string, string>> = {
  'Dr.': 'Doctor',
  'Mr.': 'Mister',
  'Mrs.': 'Missus',
  'Prof.': 'Professor',
  'e.g.': 'for example',
  'i.e.': 'that is',
  'vs.': 'versus',
  'approx.': 'approximately',
  'No.': 'Number',
}

/** Mark-up that people paste: what it marks stays. */
const MARKUP: readonly Rule[] = [
  [/```[^\n`]*\n?([^`]*)```/g, (_, code = '') => code],
  [/!?\[([^[\]\n]{0,300})\]\((?:[^()\s]{1,2000})\)/g, (_, words = '') => words],
  [/^[ \t]{0,3}#{1,6}[ \t]+/gm, () => ''],
  [/^[ \t]{0,3}>[ \t]?/gm, () => ''],
  [/^[ \t]*[-*+][ \t]+/gm, () => ''],
  [/^[ \t]*(?:\*{3,}|-{3,}|_{3,})[ \t]*$/gm, () => ''],
  [/(\*{1,3}|~~|`)(?=\S)([^*~`\n]{1,500}?)\1/g, (_, _mark, words = '') => words],
  [/(?<![\w])(_{1,2})(?=\S)([^_\n]{1,500}?)\1(?![\w])/g, (_, _mark, words = '') => words],
]

const ADDRESSES: readonly Rule[] = [
  [
    /\b([\w.+-]{1,64})@([\w-]{1,63}(?:\.[\w-]{1,63}){1,5})\b/g,
    (_, name = '', host = '') => `${spellAddress(name)} at ${spellAddress(host)}`,
  ],
  [
    /\b(?:https?:\/\/|(?=www\.))([\w-]{1,63}(?:\.[\w-]{1,63}){1,5})(?::\d+)?((?:\/[^\s?#()<>[\]"]{0,300})?)[^\s()<>[\]"]{0,500}?(?=[.,;:!?)\]"]*(?:\s|$))/gi,
    (_, host = '', path = '') => `${spellAddress(host.replace(/^www\./i, ''))}${spellPath(path)}`,
  ],
]

const FIGURES: readonly Rule[] = [
  [
    /\b(\d{4})-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])\b/g,
    (_, y = '', m = '', d = '') => `${MONTHS[Number(m) - 1]} ${ordinal(String(Number(d)))}, ${year(y)}`,
  ],
  [
    new RegExp(`\\b${MONTH} (\\d{1,2})(?:st|nd|rd|th)?,? (\\d{4})\\b`, 'g'),
    (_, m = '', d = '', y = '') => `${monthOf(m)} ${ordinal(d)}, ${year(y)}`,
  ],
  [
    new RegExp(`\\b(\\d{1,2})(?:st|nd|rd|th)? ${MONTH},? (\\d{4})\\b`, 'g'),
    (_, d = '', m = '', y = '') => `the ${ordinal(d)} of ${monthOf(m)}, ${year(y)}`,
  ],
  [
    new RegExp(`\\b${MONTH} (\\d{1,2})(?:st|nd|rd|th)?\\b(?![:.,]?\\d)`, 'g'),
    (_, m = '', d = '') => `${monthOf(m)} ${ordinal(d)}`,
  ],
  [/\b([01]?\d|2[0-3]):([0-5]\d)(?: ?([ap])\.?m\b\.?)?/gi, (_, h = '', m = '', half = '') => timeOf(h, m, half)],
  [/\b(1[0-2]|[1-9]) ?([ap])\.?m\b\.?/gi, (_, h = '', half = '') => timeOf(h, '', half)],
  [
    new RegExp(`([$€£])\\s?${NUMBER}(?:\\s?(k|m|bn|b|thousand|million|billion))?\\b`, 'gi'),
    (_, sign = '', number = '', scale = '') => moneyOf(sign, number, scale),
  ],
  [
    /\b(in|since|until|by|from|before|after|year) (1[1-9]\d\d|20\d\d)\b(?![,.]?\d)/gi,
    (_, word = '', y = '') => `${word} ${year(y)}`,
  ],
  [/\b(\d{1,15})(?:st|nd|rd|th)\b/g, (_, digits = '') => ordinal(digits)],
  [
    new RegExp(
      `(?<![\\w.,])(-?)${NUMBER}\\s?(km/h|mph|km|cm|mm|kg|mg|lbs?|ft|GB|MB|kB|GHz|kHz|Hz|ms|°C|°F|°|%)(?![\\w])`,
      'g',
    ),
    (_, minus = '', number = '', unit = '') =>
      `${minus ? 'minus ' : ''}${decimal(number)} ${UNITS[unit]?.[number === '1' ? 0 : 1]}`,
  ],
  [/\b(No\.) (?=\d)/g, () => 'Number '],
  [
    new RegExp(`(?<![\\w.,/-])(-?)${NUMBER}(?![\\w/-]|[.,]\\d)`, 'g'),
    (_, minus = '', number = '') => `${minus ? 'minus ' : ''}${decimal(number)}`,
  ],
]

const WORDS: readonly Rule[] = [
  [/\b(?:Dr|Mr|Mrs|Prof)\.(?= \p{Lu})/gu, (whole = '') => ABBREVIATIONS[whole] ?? whole],
  [/(?<![\w.])(?:e\.g\.|i\.e\.|vs\.|approx\.),?(?= )/g, (whole = '') => ABBREVIATIONS[whole.replace(',', '')] ?? whole],
  [/(?<![\w.])etc\.(?= \p{Lu}|\s*$)/gu, () => 'et cetera.'],
  [/(?<![\w.])etc\./g, () => 'et cetera'],
  [/ & /g, () => ' and '],
  [/(?:\p{Extended_Pictographic}|\p{Regional_Indicator}|[\u{1f3fb}-\u{1f3ff}]|\u{fe0f}|\u{200d})+/gu, () => ' '],
]

/** Bracketed tags are where they were, and everything between them is in words. */
export function spellOut(text: string): string {
  const tags: string[] = []
  // A private-use character stands for each tag: no rule knows it, and a text that holds some already loses them.
  const bare = text.replace(/\ue000/g, '').replaceAll(BRACKETED, (whole, inside: string) => {
    if (!recognizeTag(inside)) return whole
    tags.push(whole)
    return '\ue000'
  })
  const spoken = [...MARKUP, ...ADDRESSES, ...FIGURES, ...WORDS].reduce(
    (words, [pattern, say]) => words.replace(pattern, say),
    bare,
  )
  let tag = 0
  return spoken.replace(/\ue000/g, () => tags[tag++] ?? '')
}

const monthOf = (written: string): string => MONTHS.find((month) => month.startsWith(written.slice(0, 3))) ?? written

function timeOf(hours: string, minutes: string, half: string): string {
  const half12 = half === '' ? '' : ` ${half.toLowerCase()} m`
  const hour = cardinal(String(Number(hours)))
  if (minutes === '') return `${hour}${half12}`
  if (minutes === '00') return half === '' ? `${hour} o'clock` : `${hour}${half12}`
  return `${hour} ${minutes.startsWith('0') ? `oh ${digitByDigit(minutes.slice(1))}` : cardinal(minutes)}${half12}`
}

function moneyOf(sign: string, number: string, scale: string): string {
  const [one, many, cent, cents] = CURRENCIES[sign] ?? ['', '', '', '']
  if (scale !== '') return `${decimal(number)} ${SCALES[scale.toLowerCase()] ?? scale} ${many}`
  const [whole = '0', fraction = ''] = number.replaceAll(',', '').split('.')
  if (fraction.length !== 0 && fraction.length !== 2) return `${decimal(number)} ${many}`
  const units = `${cardinal(whole)} ${whole === '1' ? one : many}`
  const small = Number(fraction)
  if (small === 0) return units
  const change = `${cardinal(String(small))} ${small === 1 ? cent : cents}`
  return Number(whole) === 0 ? change : `${units} and ${change}`
}

const SIGNS: Readonly<Record<string, string>> = {
  '.': ' dot ',
  '/': ' slash ',
  '-': ' dash ',
  _: ' underscore ',
  '+': ' plus ',
}

const spellAddress = (address: string): string =>
  address
    .replace(/[./\-_+]/g, (sign) => SIGNS[sign] ?? sign)
    .replace(/ {2,}/g, ' ')
    .trimEnd()

/** A mark at its end is the sentence's. */
function spellPath(path: string): string {
  const [, inside = '', marks = ''] = /^(.*?)\/?([.,;:!?]*)$/.exec(path) ?? []
  return `${spellAddress(inside)}${marks}`
}
