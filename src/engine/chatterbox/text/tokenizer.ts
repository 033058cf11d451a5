// Text → token ids: GPT-2's byte-level BPE, with the sound tags as single ids. Exact to the checkpoint's own tokenizer; cleans nothing.
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { z } from 'zod'
import { invariant } from '../../../errors.ts'

/** A token that is cut out of the text before BPE, such as `[laugh]`. */
export interface AddedToken {
  readonly content: string
  readonly id: number
  /** The token also swallows the blanks before it. */
  readonly lstrip: boolean
  /** The token also swallows the blanks after it. */
  readonly rstrip: boolean
}

export interface TokenizerData {
  /** Token in the byte alphabet → id. */
  readonly vocabulary: ReadonlyMap<string, number>
  /** Pairs in the order in which they are merged. */
  readonly merges: readonly (readonly [string, string])[]
  readonly addedTokens: readonly AddedToken[]
}

export interface Tokenizer {
  encode(text: string): number[]
}

/** GPT-2's cut into words. Its `\s` is Unicode White_Space, which JavaScript's is not (U+FEFF, U+0085). */
const WORDS =
  /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\p{White_Space}\p{L}\p{N}]+|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+/gu

const OUTER_BLANKS = /^\p{White_Space}+|\p{White_Space}+$/gu

export function createTokenizer({ vocabulary, merges, addedTokens }: TokenizerData): Tokenizer {
  const byteAlphabet = makeByteAlphabet()
  for (const character of byteAlphabet) invariant(vocabulary.has(character), `the vocabulary has no token ${character}`)
  const rankOf = new Map(merges.map(([left, right], rank) => [`${left} ${right}`, rank]))
  const added = matcherOf(addedTokens)
  const utf8 = new TextEncoder()

  const encodeWord = (word: string): number[] => {
    const symbols = Array.from(utf8.encode(word), (byte) => byteAlphabet[byte] ?? '')
    mergeSymbols(symbols, rankOf)
    return symbols.map((symbol) => {
      const id = vocabulary.get(symbol)
      invariant(id !== undefined, `a merge makes ${symbol}, which the vocabulary lacks`)
      return id
    })
  }
  const encodeText = (text: string): number[] => (text.match(WORDS) ?? []).flatMap(encodeWord)

  return {
    encode(text) {
      const ids: number[] = []
      let start = 0
      for (const match of text.matchAll(added.pattern)) {
        const id = added.idOf.get(match[0].replace(OUTER_BLANKS, ''))
        invariant(id !== undefined, `${match[0]} is not an added token`)
        ids.push(...encodeText(text.slice(start, match.index)), id)
        start = match.index + match[0].length
      }
      return [...ids, ...encodeText(text.slice(start))]
    },
  }
}

/** Merges neighbours, the earliest learned pair first, until no pair is known. Words are short, so a scan per merge is enough. */
function mergeSymbols(symbols: string[], rankOf: ReadonlyMap<string, number>): void {
  for (;;) {
    let best = Number.POSITIVE_INFINITY
    for (let i = 0; i + 1 < symbols.length; i++) {
      best = Math.min(best, rankOf.get(`${symbols[i]} ${symbols[i + 1]}`) ?? Number.POSITIVE_INFINITY)
    }
    if (best === Number.POSITIVE_INFINITY) return
    for (let i = 0; i + 1 < symbols.length; i++) {
      if (rankOf.get(`${symbols[i]} ${symbols[i + 1]}`) === best) symbols.splice(i, 2, `${symbols[i]}${symbols[i + 1]}`)
    }
  }
}

/** Byte → printable character: itself where it is one in Latin-1, else the next free one from U+0100 on. */
function makeByteAlphabet(): string[] {
  const printable = (byte: number) => (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte !== 0xad)
  let next = 0x100
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(printable(byte) ? byte : next++))
}

/** The leftmost, longest added token; blanks belong to the match where the token strips them. */
function matcherOf(addedTokens: readonly AddedToken[]) {
  const escaped = (text: string) => text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')
  const alternatives = [...addedTokens]
    .sort((a, b) => b.content.length - a.content.length)
    .map(({ content, lstrip, rstrip }) => {
      invariant(content !== '' && content === content.trim(), `added token "${content}" starts or ends with a blank`)
      return `${lstrip ? '\\p{White_Space}*' : ''}${escaped(content)}${rstrip ? '\\p{White_Space}*' : ''}`
    })
  return {
    pattern: new RegExp(alternatives.join('|') || '(?!)', 'gu'),
    idOf: new Map(addedTokens.map(({ content, id }) => [content, id])),
  }
}

/** The files of a checkpoint the tokenizer is made of; tokenizer_config.json only says how the added tokens strip blanks. */
export const TOKENIZER_FILES = ['vocab.json', 'merges.txt', 'added_tokens.json', 'tokenizer_config.json'] as const

const idsByToken = z.record(z.string(), z.number().int().min(0))
const tokenizerConfig = z.object({
  added_tokens_decoder: z
    .record(z.string(), z.object({ content: z.string(), lstrip: z.boolean(), rstrip: z.boolean() }))
    .default({}),
})
/** In the vocabulary, but like an added token it is one id wherever it stands in a text. */
const END_OF_TEXT = '<|endoftext|>'

/** Reads the tokenizer from a checkpoint or bundle folder. tokenizer_config.json may be absent: then no token strips blanks. */
export async function readTokenizer(folder: string): Promise<Tokenizer> {
  const read = async (file: (typeof TOKENIZER_FILES)[number]) => readFile(path.join(folder, file), 'utf8')
  const vocabulary = idsByToken.parse(JSON.parse(await read('vocab.json')))
  const added = idsByToken.parse(JSON.parse(await read('added_tokens.json')))
  const config = tokenizerConfig.parse(JSON.parse(await read('tokenizer_config.json').catch(emptyIfAbsent)))
  const flags = new Map(Object.values(config.added_tokens_decoder).map((token) => [token.content, token]))
  const endOfText = vocabulary[END_OF_TEXT]
  const ids = { ...(endOfText === undefined ? {} : { [END_OF_TEXT]: endOfText }), ...added }
  return createTokenizer({
    vocabulary: new Map(Object.entries(vocabulary)),
    merges: parseMerges(await read('merges.txt')),
    addedTokens: Object.entries(ids).map(([content, id]) => ({
      content,
      id,
      lstrip: flags.get(content)?.lstrip ?? false,
      rstrip: flags.get(content)?.rstrip ?? false,
    })),
  })
}

function emptyIfAbsent(error: unknown): string {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return '{}'
  throw error
}

/** A version line, then one pair a line. */
function parseMerges(text: string): [string, string][] {
  return text
    .split('\n')
    .filter((line, index) => line.trim() !== '' && !(index === 0 && line.startsWith('#version')))
    .map((line) => {
      const [left, right, ...rest] = line.trimEnd().split(' ')
      invariant(left && right && rest.length === 0, `merges.txt has the line "${line}"`)
      return [left, right]
    })
}
