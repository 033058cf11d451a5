// Sample rate conversion of samples that come bit by bit: what comes out is, sample for sample, what resample.ts makes of the whole.
import { concatSamples } from './pcm.ts'
import { bankFor, type FilterBank, filtered } from './resample.ts'

export class StreamResampler {
  readonly #fromHz: number
  readonly #toHz: number
  readonly #bank: FilterBank
  readonly #up: number
  readonly #down: number
  /** Input that outputs to come still reach back to; at first the silence before the beginning. */
  #kept: Float32Array
  /** Where `#kept` begins, in input samples; the silence has negative places. */
  #keptFrom: number
  #received = 0
  #made = 0

  /** Rates are whole numbers of Hz. */
  constructor(fromHz: number, toHz: number) {
    const { bank, up, down } = bankFor(fromHz, toHz)
    this.#fromHz = fromHz
    this.#toHz = toHz
    this.#bank = bank
    this.#up = up
    this.#down = down
    this.#kept = new Float32Array(bank.taps)
    this.#keptFrom = -bank.taps
  }

  /** The output that is certain after these samples; may be none. */
  push(samples: Float32Array): Float32Array<ArrayBuffer> {
    this.#received += samples.length
    this.#kept = concatSamples([this.#kept, samples])
    return this.#make(Number.POSITIVE_INFINITY)
  }

  /** The rest. Nothing may be pushed afterwards. */
  finish(): Float32Array<ArrayBuffer> {
    this.#kept = concatSamples([this.#kept, new Float32Array(this.#bank.taps)])
    return this.#make(Math.ceil(this.#received * (this.#toHz / this.#fromHz)))
  }

  /** As many outputs as there is input for, at most up to `end`. */
  #make(end: number): Float32Array<ArrayBuffer> {
    const { taps } = this.#bank
    const known = this.#keptFrom + this.#kept.length
    const output: number[] = []
    let start = this.#keptFrom
    for (; this.#made < end; this.#made++) {
      const place = this.#made * this.#down
      const whole = Math.floor(place / this.#up)
      start = whole - taps / 2 + 1
      if (start + taps > known) break
      output.push(filtered(this.#kept, start - this.#keptFrom, (place - whole * this.#up) / this.#up, this.#bank))
    }
    const done = Math.min(Math.max(0, start - this.#keptFrom), this.#kept.length)
    this.#kept = this.#kept.slice(done)
    this.#keptFrom += done
    return Float32Array.from(output)
  }
}
