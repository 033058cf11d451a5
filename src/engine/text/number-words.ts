// Numbers as English words, as most people say them.

const ONES =
  'zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen'.split(
    ' ',
  )
const TENS = '- - twenty thirty forty fifty sixty seventy eighty ninety'.split(' ')
const SCALES = ['', ' thousand', ' million', ' billion', ' trillion'] as const
/** Longer ones are read digit by digit, as are those that begin with a zero. */
const MOST_DIGITS = 15
const ORDINALS: Readonly<Record<string, string>> = {
  one: 'first',
  two: 'second',
  three: 'third',
  five: 'fifth',
  eight: 'eighth',
  nine: 'ninth',
  twelve: 'twelfth',
}

/** `digits`: a whole number without separators. */
export function cardinal(digits: string): string {
  if (digits.length > MOST_DIGITS || /^0\d/.test(digits)) return digitByDigit(digits)
  if (/^0$/.test(digits)) return 'zero'
  const groups: string[] = []
  for (let end = digits.length, scale = 0; end > 0; end -= 3, scale++) {
    const group = Number(digits.slice(Math.max(0, end - 3), end))
    if (group > 0) groups.unshift(`${belowThousand(group)}${SCALES[scale]}`)
  }
  return groups.join(' ')
}

export const digitByDigit = (digits: string): string => [...digits].map((digit) => ONES[Number(digit)]).join(' ')

/** 21 → twenty-first. */
export function ordinal(digits: string): string {
  const words = cardinal(digits)
  const [, before = '', last = ''] = /^(.*?)([a-z]+)$/.exec(words) ?? []
  return `${before}${ORDINALS[last] ?? (last.endsWith('y') ? `${last.slice(0, -1)}ieth` : `${last}th`)}`
}

/** `1,234.5` → one thousand two hundred thirty-four point five. */
export function decimal(number: string): string {
  const [whole = '', fraction] = number.replaceAll(',', '').split('.')
  return fraction === undefined ? cardinal(whole) : `${cardinal(whole)} point ${digitByDigit(fraction)}`
}

/** Of four digits: 1984 → nineteen eighty-four, 1905 → nineteen oh five, 2007 → two thousand seven. */
export function year(digits: string): string {
  const [century, rest] = [Number(digits.slice(0, 2)), Number(digits.slice(2))]
  if (rest === 0) return century % 10 === 0 ? cardinal(digits) : `${belowThousand(century)} hundred`
  if (rest < 10) return century % 10 === 0 ? cardinal(digits) : `${belowThousand(century)} oh ${ONES[rest]}`
  return `${belowThousand(century)} ${belowThousand(rest)}`
}

function belowThousand(value: number): string {
  if (value >= 100) {
    const rest = value % 100
    return `${ONES[Math.floor(value / 100)]} hundred${rest === 0 ? '' : ` ${belowThousand(rest)}`}`
  }
  if (value < 20) return ONES[value] ?? ''
  const ten = TENS[Math.floor(value / 10)] ?? ''
  return value % 10 === 0 ? ten : `${ten}-${ONES[value % 10]}`
}
