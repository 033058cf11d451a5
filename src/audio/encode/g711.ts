// Bare telephone audio: 8 bits a sample by the μ-law or A-law of ITU-T G.711.
import { toInt16 } from '../pcm.ts'
import type { AudioEncoder } from './audio-encoder.ts'

// At 14 bits.
const MU_LAW_BIAS = 33
const MU_LAW_MOST = 8158

export class CompandingEncoder implements AudioEncoder {
  readonly #law: (sample: number) => number

  constructor(law: 'mu-law' | 'A-law') {
    this.#law = law === 'mu-law' ? toMuLaw : toALaw
  }

  encode(samples: Float32Array): Uint8Array {
    return Uint8Array.from(toInt16(samples), this.#law)
  }

  finish(): Uint8Array {
    return new Uint8Array()
  }

  [Symbol.dispose](): void {}
}

/** Signed 16 bit → a byte: sign, three bits of exponent, four of mantissa, all inverted. */
export function toMuLaw(sample: number): number {
  const magnitude = Math.min(Math.abs(sample >> 2), MU_LAW_MOST) + MU_LAW_BIAS
  const exponent = Math.floor(Math.log2(magnitude)) - 5
  const mantissa = (magnitude >> (exponent + 1)) & 0xf
  return ~((sample < 0 ? 0x80 : 0) | (exponent << 4) | mantissa) & 0xff
}

/** Signed 16 bit → a byte: as above, of 13 bits, with every other bit inverted. */
export function toALaw(sample: number): number {
  const magnitude = (sample < 0 ? -sample - 1 : sample) >> 4 // 11 bits and a place for the half that is cut off
  const exponent = magnitude < 32 ? (magnitude < 16 ? 0 : 1) : Math.floor(Math.log2(magnitude)) - 3
  const mantissa = (magnitude >> Math.max(0, exponent - 1)) & 0xf
  return ((sample < 0 ? 0 : 0x80) | (exponent << 4) | mantissa) ^ 0x55
}
