// An encoder whose file has another sample rate than the samples that come.
import { concatBytes } from '../pcm.ts'
import { StreamResampler } from '../stream-resample.ts'
import type { AudioEncoder } from './audio-encoder.ts'

export class ResamplingEncoder implements AudioEncoder {
  readonly #encoder: AudioEncoder
  readonly #resampler: StreamResampler

  /** `encoder` takes samples at `toHz`; it is disposed of with this one. */
  constructor(encoder: AudioEncoder, fromHz: number, toHz: number) {
    this.#encoder = encoder
    this.#resampler = new StreamResampler(fromHz, toHz)
  }

  encode(samples: Float32Array): Uint8Array | Promise<Uint8Array> {
    return this.#encoder.encode(this.#resampler.push(samples))
  }

  async finish(): Promise<Uint8Array> {
    const last = await this.#encoder.encode(this.#resampler.finish())
    return concatBytes([last, await this.#encoder.finish()])
  }

  finalHead(): Uint8Array {
    return this.#encoder.finalHead?.() ?? new Uint8Array()
  }

  [Symbol.dispose](): void {
    this.#encoder[Symbol.dispose]()
  }
}
