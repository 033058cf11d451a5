// Text tokens → speech tokens. Sequences join and leave between two steps, each with its own sampling and seed: what a sequence says does
// not depend on who else is speaking. Knows no text and no audio.
import { createHash } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import { AppError, invariant } from '../../../errors.ts'
import { type KvPrefix, prefixBytes } from './kv-cache.ts'
import { SPEECH_TOKENS, SPEECH_VOCABULARY, START_TOKEN } from './speech-tokens.ts'
import { T3, type T3Options } from './t3.ts'
import { TokenEmbeddings } from './token-embeddings.ts'
import { type Drawing, type Ending, Utterance } from './utterance.ts'

/** What the language model hears of a reference recording. */
export interface VoicePrompt {
  readonly speakerEmbedding: Float32Array
  readonly promptTokens: Int32Array
}

export interface SpeechTokensRequest extends Drawing {
  readonly textTokens: readonly number[]
  readonly voice: VoicePrompt
}

export interface SpeechTokens {
  /** Ids below SPEECH_TOKENS. */
  readonly tokens: number[]
  readonly ending: Ending
}

export interface SpeechLmOptions extends T3Options {
  /** Memory for the prefilled voices that are kept, in bytes. A Turbo voice takes 74 MB, a Nano voice 28 MB. */
  readonly voiceCacheBytes: number
}

/** A text that leaves less room than this for its speech, in tokens, is refused: 4 s. */
const LEAST_ROOM = 100
const TOO_LONG = 'A sentence of the text is too long to be spoken in one breath. Please add punctuation.'

/** Rows per prefill run: between two of them the other sequences make a step, so this bounds how long they wait. */
const CHUNK_ROWS = 32

interface Sequence {
  readonly textTokens: readonly number[]
  readonly voice: VoicePrompt
  readonly utterance: Utterance
  readonly signal: AbortSignal
  readonly resolve: (result: SpeechTokens) => void
  readonly reject: (reason: unknown) => void
  /** Positions of the cache that are filled. */
  length: number
  slot: number
}

/** A sequence that is being prefilled: each step is one run. */
interface Joining {
  readonly sequence: Sequence
  readonly steps: AsyncGenerator<void>
}

export class SpeechLm implements AsyncDisposable {
  readonly #t3: T3
  readonly #embeddings: TokenEmbeddings
  readonly #prefixes: LRUCache<string, KvPrefix>
  readonly #waiting: Sequence[] = []
  /** In slots 0, 1, …: one batch without gaps. */
  readonly #speaking: Sequence[] = []
  /** In the slot behind the last speaking one. */
  #joining: Joining | undefined
  #running = false
  #loop = Promise.resolve()

  private constructor(t3: T3, embeddings: TokenEmbeddings, voiceCacheBytes: number) {
    this.#t3 = t3
    this.#embeddings = embeddings
    this.#prefixes = new LRUCache({ maxSize: voiceCacheBytes, sizeCalculation: prefixBytes })
  }

  /** Loads the graphs `t3` and `t3-embedding`; `graphFile` tells where a bundle keeps one. Blocks the calling thread while it does. */
  static async open(graphFile: (name: string) => string, options: SpeechLmOptions): Promise<SpeechLm> {
    const t3 = await T3.open(graphFile('t3'), options)
    invariant(t3.vocabulary === SPEECH_VOCABULARY, `the model speaks ${t3.vocabulary} tokens`)
    const embeddings = await TokenEmbeddings.open(graphFile('t3-embedding'), SPEECH_VOCABULARY, options.positions)
    return new SpeechLm(t3, embeddings, options.voiceCacheBytes)
  }

  get speakerEmbeddingSize(): number {
    return this.#embeddings.speakerEmbeddingSize
  }

  /** Whether the cache is appended to in place (see T3.inPlace). */
  get inPlace(): boolean {
    return this.#t3.inPlace
  }

  /**
   * Speaks the text until the model stops, `maxTokens` is reached, or it loops. Waits for a free slot. The same request gives the same
   * tokens, alone or in company. Rejects with the signal's reason within one step of an abort.
   */
  generate(request: SpeechTokensRequest, signal: AbortSignal): Promise<SpeechTokens> {
    const { textTokens, voice } = request
    const prompt = 1 + voice.promptTokens.length + textTokens.length + 1
    const room = this.#t3.cache.dimensions.positions - prompt
    if (room < Math.min(request.maxTokens, LEAST_ROOM)) throw new AppError('text_too_long', TOO_LONG, { param: 'text' })
    const utterance = new Utterance({ ...request, maxTokens: Math.min(request.maxTokens, room) })
    return new Promise((resolve, reject) => {
      this.#waiting.push({ textTokens, voice, utterance, signal, resolve, reject, length: 0, slot: -1 })
      if (!this.#running) this.#loop = this.#run()
    })
  }

  /** Rejects what is still being spoken. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#rejectAll(new AppError('unavailable', 'The engine is being shut down. Please try again.'))
    await this.#loop
    await this.#embeddings[Symbol.asyncDispose]()
    await this.#t3[Symbol.asyncDispose]()
  }

  async #run(): Promise<void> {
    this.#running = true
    try {
      for (;;) {
        this.#dropAborted()
        this.#admitNext()
        if (!this.#joining && this.#speaking.length === 0) {
          // What company left behind, up to 150 MB a slot. The first slot is kept: whoever speaks alone need not wait for new pages.
          this.#t3.cache.forgetAfter(1)
          return
        }
        if (this.#joining) await this.#joinOneStep(this.#joining)
        if (this.#speaking.length > 0) await this.#speakOneToken()
      }
    } catch (error) {
      this.#rejectAll(error)
    } finally {
      this.#running = false
    }
  }

  #dropAborted(): void {
    for (const sequence of this.#all().filter(({ signal }) => signal.aborted)) {
      sequence.reject(sequence.signal.reason)
      this.#remove(sequence)
    }
  }

  /** One sequence joins at a time: it then finds the voice that the one before it has prefilled. */
  #admitNext(): void {
    if (this.#joining || this.#speaking.length === this.#t3.cache.dimensions.slots) return
    const sequence = this.#waiting.shift()
    if (!sequence) return
    sequence.slot = this.#speaking.length
    this.#joining = { sequence, steps: this.#prefill(sequence) }
  }

  async #joinOneStep({ sequence, steps }: Joining): Promise<void> {
    const { done } = await steps.next()
    // While it was running, the sequence may have been rejected.
    if (!done || this.#joining?.sequence !== sequence) return
    this.#joining = undefined
    this.#speaking.push(sequence)
    this.#removeEnded()
  }

  /** Fills the slot with voice and text, some rows per step, and draws the first token. */
  async *#prefill(sequence: Sequence): AsyncGenerator<void> {
    const { voice, textTokens } = sequence
    const key = keyOf(voice)
    const prefix = this.#prefixes.get(key)
    if (prefix) {
      this.#t3.cache.loadPrefix(sequence.slot, prefix)
      sequence.length = prefix.length
    } else {
      const rows = await this.#embeddings.voiceRows(voice.speakerEmbedding, voice.promptTokens)
      yield* this.#append(sequence, rows)
      this.#prefixes.set(key, this.#t3.cache.savePrefix(sequence.slot, sequence.length))
    }
    const rows = await this.#embeddings.textRows(textTokens, START_TOKEN, sequence.length)
    sequence.utterance.draw(yield* this.#append(sequence, rows))
  }

  /** Appends rows to a sequence, a run per chunk, and returns the logits after the last. No chunk is a single row: see T3.forward. */
  async *#append(sequence: Sequence, rows: Float32Array): AsyncGenerator<void, Float32Array> {
    const { width } = this.#t3
    for (let begin = 0; ; ) {
      const left = rows.length / width - begin
      const count = left === CHUNK_ROWS + 1 ? CHUNK_ROWS - 1 : Math.min(left, CHUNK_ROWS)
      const embeddings = rows.subarray(begin * width, (begin + count) * width)
      const logits = await this.#t3.forward({ firstSlot: sequence.slot, lengths: [sequence.length], embeddings })
      sequence.length += count
      begin += count
      if (left === count) return logits
      yield
    }
  }

  async #speakOneToken(): Promise<void> {
    const { width, vocabulary } = this.#t3
    const speaking = [...this.#speaking]
    const embeddings = new Float32Array(speaking.length * width)
    for (const [i, { utterance, length }] of speaking.entries()) {
      const last = utterance.tokens.at(-1)
      invariant(last !== undefined, 'a speaking sequence has a token')
      this.#embeddings.writeSpeechRow(last, length, embeddings.subarray(i * width, (i + 1) * width))
    }
    const lengths = speaking.map(({ length }) => length)
    const logits = await this.#t3.forward({ firstSlot: 0, lengths, embeddings })
    for (const [i, sequence] of speaking.entries()) {
      sequence.length++
      sequence.utterance.draw(logits.subarray(i * vocabulary, (i + 1) * vocabulary))
    }
    this.#removeEnded()
  }

  #removeEnded(): void {
    for (const sequence of [...this.#speaking]) {
      const { tokens, ending } = sequence.utterance
      if (!ending) continue
      this.#remove(sequence)
      sequence.resolve({ tokens: tokens.filter((token) => token < SPEECH_TOKENS), ending })
    }
  }

  /** Takes a sequence out of wherever it is. The last of the batch fills the gap, and the joining one moves up behind it. */
  #remove(sequence: Sequence): void {
    const waiting = this.#waiting.indexOf(sequence)
    if (waiting >= 0) this.#waiting.splice(waiting, 1)
    if (this.#joining?.sequence === sequence) this.#joining = undefined
    const index = this.#speaking.indexOf(sequence)
    if (index < 0) return
    const last = this.#speaking.pop()
    if (last && last !== sequence) {
      this.#speaking[index] = last
      this.#moveTo(last, index)
    }
    if (this.#joining) this.#moveTo(this.#joining.sequence, this.#speaking.length)
  }

  #moveTo(sequence: Sequence, slot: number): void {
    this.#t3.cache.move(sequence.slot, slot, sequence.length)
    sequence.slot = slot
  }

  #all(): Sequence[] {
    return [...this.#waiting, ...this.#speaking, ...(this.#joining ? [this.#joining.sequence] : [])]
  }

  #rejectAll(reason: unknown): void {
    for (const sequence of this.#all()) sequence.reject(reason)
    this.#waiting.length = 0
    this.#speaking.length = 0
    this.#joining = undefined
  }
}

function keyOf({ speakerEmbedding, promptTokens }: VoicePrompt): string {
  return createHash('sha256')
    .update(new Uint8Array(speakerEmbedding.buffer, speakerEmbedding.byteOffset, speakerEmbedding.byteLength))
    .update(new Uint8Array(promptTokens.buffer, promptTokens.byteOffset, promptTokens.byteLength))
    .digest('hex')
}
