// 16 bit mono WAV. While streaming, the sizes are FFFFFFFF: the convention for `until the end of the file` (FFmpeg
// writes and reads it).
import { toInt16, toLittleEndian } from '../pcm.ts'
import type { AudioEncoder } from './audio-encoder.ts'

export const WAV_HEADER_BYTES = 44
const UNKNOWN_SIZE = 0xffffffff

export class WavEncoder implements AudioEncoder {
  readonly #sampleRate: number
  #headerSent = false
  #dataBytes = 0

  constructor(sampleRate: number) {
    this.#sampleRate = sampleRate
  }

  encode(samples: Float32Array): Uint8Array {
    const data = toLittleEndian(toInt16(samples))
    this.#dataBytes += data.length
    if (this.#headerSent) return data
    this.#headerSent = true
    const first = new Uint8Array(WAV_HEADER_BYTES + data.length)
    first.set(wavHeader(this.#sampleRate, undefined))
    first.set(data, WAV_HEADER_BYTES)
    return first
  }

  finish(): Uint8Array {
    return this.#headerSent ? new Uint8Array() : this.encode(new Float32Array())
  }

  finalHead(): Uint8Array {
    return wavHeader(this.#sampleRate, this.#dataBytes)
  }

  [Symbol.dispose](): void {}
}

/** The 44 bytes before 16 bit mono samples; without `dataBytes` both sizes say `unknown`. */
export function wavHeader(sampleRate: number, dataBytes: number | undefined): Uint8Array<ArrayBuffer> {
  const header = Buffer.alloc(WAV_HEADER_BYTES)
  header.write('RIFF', 0, 'latin1')
  header.writeUInt32LE(dataBytes === undefined ? UNKNOWN_SIZE : WAV_HEADER_BYTES - 8 + dataBytes, 4)
  header.write('WAVEfmt ', 8, 'latin1')
  header.writeUInt32LE(16, 16) // size of the fmt chunk
  header.writeUInt16LE(1, 20) // PCM
  header.writeUInt16LE(1, 22) // channels
  header.writeUInt32LE(sampleRate, 24)
  header.writeUInt32LE(sampleRate * 2, 28) // bytes per second
  header.writeUInt16LE(2, 32) // bytes per frame
  header.writeUInt16LE(16, 34) // bits per sample
  header.write('data', 36, 'latin1')
  header.writeUInt32LE(dataBytes ?? UNKNOWN_SIZE, 40)
  return new Uint8Array(header)
}
