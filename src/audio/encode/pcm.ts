// Bare signed 16 bit little-endian mono samples.
import { toInt16, toLittleEndian } from '../pcm.ts'
import type { AudioEncoder } from './audio-encoder.ts'

export class PcmEncoder implements AudioEncoder {
  encode(samples: Float32Array): Uint8Array {
    return toLittleEndian(toInt16(samples))
  }

  finish(): Uint8Array {
    return new Uint8Array()
  }

  [Symbol.dispose](): void {}
}
