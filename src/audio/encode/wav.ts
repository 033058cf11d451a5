// 16 bit mono WAV. While streaming, the sizes are FFFFFFFF: the convention for `until the end of the file` (FFmpeg
// writes and reads it).
import { concatBytes, toInt16, toLittleEndian } from '../pcm.ts'
import type { AudioEncoder } from './audio-encoder.ts'
import { type AudioTags, infoChunk } from './tags.ts'

export const WAV_HEADER_BYTES = 44
const UNKNOWN_SIZE = 0xffffffff

export class WavEncoder implements AudioEncoder {
  readonly #sampleRate: number
  readonly #tags: AudioTags | undefined
  #headerSent = false
  #dataBytes = 0

  constructor(sampleRate: number, tags?: AudioTags) {
    this.#sampleRate = sampleRate
    this.#tags = tags
  }

  encode(samples: Float32Array): Uint8Array {
    const data = toLittleEndian(toInt16(samples))
    this.#dataBytes += data.length
    if (this.#headerSent) return data
    this.#headerSent = true
    return concatBytes([wavHeader(this.#sampleRate, undefined, this.#tags), data])
  }

  finish(): Uint8Array {
    return this.#headerSent ? new Uint8Array() : this.encode(new Float32Array())
  }

  finalHead(): Uint8Array {
    return wavHeader(this.#sampleRate, this.#dataBytes, this.#tags)
  }

  [Symbol.dispose](): void {}
}

/** What comes before 16 bit mono samples: 44 bytes, and the tags' chunk; without `dataBytes` the sizes say `unknown`. */
export function wavHeader(
  sampleRate: number,
  dataBytes: number | undefined,
  tags?: AudioTags,
): Uint8Array<ArrayBuffer> {
  const info = tags ? infoChunk(tags) : Buffer.alloc(0)
  const format = Buffer.alloc(36)
  format.write('RIFF', 0, 'latin1')
  format.writeUInt32LE(dataBytes === undefined ? UNKNOWN_SIZE : WAV_HEADER_BYTES - 8 + info.length + dataBytes, 4)
  format.write('WAVEfmt ', 8, 'latin1')
  format.writeUInt32LE(16, 16) // size of the fmt chunk
  format.writeUInt16LE(1, 20) // PCM
  format.writeUInt16LE(1, 22) // channels
  format.writeUInt32LE(sampleRate, 24)
  format.writeUInt32LE(sampleRate * 2, 28) // bytes per second
  format.writeUInt16LE(2, 32) // bytes per frame
  format.writeUInt16LE(16, 34) // bits per sample
  const data = Buffer.alloc(8)
  data.write('data', 0, 'latin1')
  data.writeUInt32LE(dataBytes ?? UNKNOWN_SIZE, 4)
  return concatBytes([format, info, data])
}
