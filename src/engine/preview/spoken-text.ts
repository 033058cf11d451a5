// A piece of text → what is spoken and what is sounded: tags are taken out, the words made plain ASCII that Flite can read.
import { splitSentences } from '../text/sentences.ts'
import { BRACKETED, recognizeTag, type SoundTag } from '../text/tags.ts'

export type ScriptItem =
  | { readonly kind: 'speech'; readonly sentence: string }
  | { readonly kind: 'sound'; readonly tag: SoundTag }

export interface Script {
  readonly items: readonly ScriptItem[]
  /** Words in another script than Latin were in the text and had to be left out. */
  readonly wordsLeftOut: boolean
}

/** Flite's letter-to-sound rules take time by the square of a word's length: a word of 5,000 letters took 35 s. */
const LONGEST_WORD = 32

/**
 * Letters that Unicode does not decompose, and signs that are words. The model's text has `:` replaced by a comma, so a time
 * and a web address are put back.
 */
const FOLDINGS: readonly (readonly [RegExp, string])[] = [
  [/[‘’ʼ]/g, "'"],
  [/[–—]/g, '-'],
  [/ß/g, 'ss'],
  [/[æÆ]/g, 'ae'],
  [/[œŒ]/g, 'oe'],
  [/[øØ]/g, 'o'],
  [/[łŁ]/g, 'l'],
  [/[đĐðÐ]/g, 'd'],
  [/[þÞ]/g, 'th'],
  [/ı/g, 'i'],
  [/£\s?(\d[\d,.]*\d|\d)/g, '$1 pounds'],
  [/€\s?(\d[\d,.]*\d|\d)/g, '$1 euros'],
  [/°/g, ' degrees '],
  [/\b(\d{1,2}),([0-5]\d)(?![\d,])/g, '$1 $2'],
  [/\bhttps?[:,]\/\//gi, ''],
]

/** Cuts a piece at its tags and sentences. Delivery tags are dropped; the words of unknown bracketed text are read. */
export function writeScript(piece: string): Script {
  const items: ScriptItem[] = []
  let wordsLeftOut = false
  const addSpeech = (text: string) => {
    const plain = foldToAscii(text)
    wordsLeftOut ||= plain.lettersLost
    for (const sentence of splitSentences(plain.text)) {
      if (/[a-z0-9]/i.test(sentence)) items.push({ kind: 'speech', sentence })
    }
  }
  let words = ''
  let from = 0
  for (const match of piece.matchAll(BRACKETED)) {
    words += piece.slice(from, match.index)
    from = match.index + match[0].length
    const tag = recognizeTag(match[1] ?? '')
    if (tag?.kind !== 'sound') {
      words += tag ? ' ' : ` ${match[1]} `
      continue
    }
    addSpeech(words)
    words = ''
    items.push({ kind: 'sound', tag: tag.tag })
  }
  addSpeech(words + piece.slice(from))
  return { items, wordsLeftOut }
}

/** Printable ASCII with single spaces and no endless words; `lettersLost` tells whether letters had to go. */
function foldToAscii(text: string): { text: string; lettersLost: boolean } {
  let plain = text.normalize('NFKC')
  for (const [pattern, by] of FOLDINGS) plain = plain.replace(pattern, by)
  plain = plain.normalize('NFD').replace(/\p{Mn}/gu, '')
  const lettersLost = /[^\x20-\x7e]/.test(plain) && /\p{L}/u.test(plain.replace(/[\x20-\x7e]/g, ''))
  const ascii = plain.replace(/[^\x20-\x7e]/gu, ' ')
  const words = ascii.split(' ').flatMap((word) => word.match(new RegExp(`.{1,${LONGEST_WORD}}`, 'g')) ?? [])
  return { text: words.join(' '), lettersLost }
}
