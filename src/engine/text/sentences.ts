// Where a sentence ends. Errs towards not ending: two sentences in one piece sound fine, half a name does not.

/** A full stop after these belongs to the word: a name, a number or an example follows. */
const ALWAYS_CONTINUED = new Set(
  'mr mrs ms mx dr prof st mt gen col maj sgt capt lt cmdr rev hon sen rep gov pres vs fig vol approx e.g i.e cf viz'.split(
    ' ',
  ),
)
/** Only before a digit, as in "No. 5"; else "No." is an answer. */
const CONTINUED_BY_DIGIT = new Set('no nos p pp art sec ch jan feb mar apr jun jul aug sep sept oct nov dec'.split(' '))
/** End marks with closing quotes and brackets, before white space; CJK marks need no space. */
const POSSIBLE_END = /[.!?]+["')\]]*(?=\s|$)|[。！？]+/gu

/** Cuts text at the ends of its sentences; the sentences, joined by single spaces, are the text with its spaces collapsed. */
export function splitSentences(text: string): string[] {
  const sentences: string[] = []
  let start = 0
  for (const match of text.matchAll(POSSIBLE_END)) {
    const end = match.index + match[0].length
    if (!isEnd(text.slice(start, match.index), match[0], text.slice(end, end + 8).trimStart())) continue
    sentences.push(text.slice(start, end))
    start = end
  }
  sentences.push(text.slice(start))
  return sentences.map((sentence) => sentence.trim().replace(/\s+/g, ' ')).filter(Boolean)
}

function isEnd(before: string, mark: string, after: string): boolean {
  if (after === '') return true
  if (/^\p{Lowercase}/u.test(after)) return false
  if (!mark.startsWith('.') || mark.startsWith('..')) return true
  const word = lastWord(before).replace(/^["'([]+/, '')
  const lower = word.toLowerCase()
  if (ALWAYS_CONTINUED.has(lower)) return false
  if (CONTINUED_BY_DIGIT.has(lower) && /^\d/.test(after)) return false
  if (/^\p{Lu}$/u.test(word) && word !== 'I') return false // an initial: "J. R. R. Tolkien"
  if (/^(\p{Lu}\.)+\p{Lu}$/u.test(word)) return false // "the U.S. Army"
  return !/^\s*\d{1,3}$/.test(before) // the number of a list item: "1. First"
}

/** From the end, which is near: a text of abbreviations has its beginning far away from all of them. */
function lastWord(text: string): string {
  let start = text.length
  while (start > 0 && /\S/.test(text[start - 1] ?? '')) start--
  return text.slice(start)
}
