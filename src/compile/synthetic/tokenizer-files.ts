// Tokenizer files for a synthetic checkpoint: the byte alphabet without merges, filled up to the vocabulary's size, and the real sound tags.
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { invariant } from '../../errors.ts'

const TAGS =
  'angry fear surprised whispering advertisement dramatic narration crying happy sarcastic clear_throat sigh shush cough groan sniff gasp chuckle laugh'
    .split(' ')
    .map((name) => `[${name.replace('_', ' ')}]`)
const BYTES = 256

/** `vocabularySize` counts bytes, fillers, the end-of-text token and the 19 tags; in the real model it is 50,276. */
export function writeSyntheticTokenizer(folder: string, vocabularySize: number): void {
  const endOfText = vocabularySize - TAGS.length - 1
  invariant(endOfText >= BYTES, `a vocabulary of ${vocabularySize} has no room for all bytes`)
  const fillers = Array.from({ length: endOfText - BYTES }, (_, i) => `<unused ${i}>`)
  const vocabulary = [...byteAlphabet(), ...fillers, '<|endoftext|>']
  const added = TAGS.map((tag, i): [string, number] => [tag, endOfText + 1 + i])
  const write = (name: string, content: unknown) => writeFileSync(path.join(folder, name), JSON.stringify(content))
  write('vocab.json', Object.fromEntries(vocabulary.map((token, id) => [token, id])))
  write('added_tokens.json', Object.fromEntries(added))
  write('tokenizer_config.json', { tokenizer_class: 'GPT2Tokenizer', added_tokens_decoder: {} })
  writeFileSync(path.join(folder, 'merges.txt'), '#version: 0.2\n')
}

/** GPT-2's printable stand-in for every byte. */
function byteAlphabet(): string[] {
  const isPrintable = (byte: number) => (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte !== 0xad)
  let next = 0x100
  return Array.from({ length: BYTES }, (_, byte) => String.fromCharCode(isPrintable(byte) ? byte : next++))
}
