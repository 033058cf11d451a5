// Text that is still being typed → utterances, cut where sentences end. How the text was cut on its way here does not change them.
import { splitSentences } from '../engine/text/sentences.ts'
import { AppError } from '../errors.ts'

/** Shorter sentences are spoken with the next one: three of "Yes. No. Well." would be three requests, each without a tune. */
const LEAST_CHARACTERS = 40
/** As of one request. */
const MOST_CHARACTERS = 10_000

export class TypedText {
  /** Whole sentences that are too short to be spoken alone. */
  #ready = ''
  /** The sentence that goes on, or that ends where nobody knows yet how the next one begins. */
  #open = ''

  /** Returns the utterances that are complete with this. Throws AppError `text_too_long` when a sentence does not end. */
  add(text: string): string[] {
    const utterances: string[] = []
    const paragraphs = (this.#open + text).split(/\n\s*\n/)
    paragraphs.forEach((paragraph, i) => {
      const isLast = i === paragraphs.length - 1
      const sentences = splitSentences(paragraph)
      const open = isLast ? sentences.pop() : undefined
      for (const sentence of sentences) {
        this.#ready = joined(this.#ready, sentence)
        if (this.#ready.length >= LEAST_CHARACTERS) utterances.push(this.#take())
      }
      // White space at the end may become the end of a paragraph.
      if (isLast) this.#open = (open ?? '') + (/\s*$/.exec(paragraph)?.[0] ?? '')
    })
    if (this.#open.length > MOST_CHARACTERS) {
      throw new AppError(
        'text_too_long',
        `A sentence has more than ${MOST_CHARACTERS.toLocaleString('en-US')} characters.`,
        {
          param: 'text',
        },
      )
    }
    return utterances
  }

  /** What is left, as it is; undefined: nothing. */
  flush(): string | undefined {
    this.#ready = joined(this.#ready, splitSentences(this.#open).join(' '))
    this.#open = ''
    return this.#ready === '' ? undefined : this.#take()
  }

  clear(): void {
    this.#ready = ''
    this.#open = ''
  }

  #take(): string {
    const text = this.#ready
    this.#ready = ''
    return text
  }
}

const joined = (a: string, b: string): string => (a === '' || b === '' ? a + b : `${a} ${b}`)
