// MP3 by LAME, constant bit rate, mono. LAME's streaming interface writes no info frame, so we do: with it players cut
// off the codec's delay and padding, and the decoded file is exactly as long as the samples were.
import { createMp3Encoder } from 'wasm-media-encoders'
import { invariant } from '../../errors.ts'
import { concatBytes, fromInt16, toInt16 } from '../pcm.ts'
import type { AudioEncoder } from './audio-encoder.ts'
import {
  bytesPerFrame,
  crc16,
  hasRoomForInfo,
  type Mp3StreamFacts,
  mp3InfoFrame,
  samplesPerFrame,
} from './mp3-info-frame.ts'
import { type AudioTags, id3Tag } from './tags.ts'

const SAMPLE_RATES = [8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000] as const
const BITRATES = [32, 48, 64, 96, 128, 192] as const
// ENCDELAY of LAME's encoder.h: so many zeros it puts in front of the samples.
const ENCODER_DELAY = 576
const HEADER_BYTES = 4

type Lame = Awaited<ReturnType<typeof createMp3Encoder>>

export class Mp3Encoder implements AudioEncoder {
  readonly #lame: Lame
  readonly #sampleRate: number
  readonly #kilobitsPerSecond: number
  readonly #id3: Uint8Array
  #stream: Mp3StreamFacts | undefined
  #samples = 0
  #bytes = 0
  #crc = 0

  /** `sampleRate` must be one that MP3 has: 8, 11.025, 12, 16, 22.05, 24, 32, 44.1 or 48 kHz. */
  static async create(sampleRate: number, tags?: AudioTags, kilobitsPerSecond?: number): Promise<Mp3Encoder> {
    const legalRate = SAMPLE_RATES.find((rate) => rate === sampleRate)
    invariant(legalRate, `MP3 has no sample rate of ${sampleRate} Hz`)
    // For speech near transparent; double where the rate is one of music.
    const bitrate = kilobitsPerSecond ?? (sampleRate < 32_000 ? 64 : 128)
    const lame = await createMp3Encoder()
    const legalBitrate = BITRATES.find((rate) => rate === bitrate)
    invariant(legalBitrate, `there is no MP3 of ${bitrate} kbit/s here`)
    lame.configure({ sampleRate, outputSampleRate: legalRate, channels: 1, bitrate: legalBitrate })
    return new Mp3Encoder(lame, sampleRate, bitrate, tags ? id3Tag(tags) : new Uint8Array())
  }

  private constructor(lame: Lame, sampleRate: number, kilobitsPerSecond: number, id3: Uint8Array) {
    this.#lame = lame
    this.#sampleRate = sampleRate
    this.#kilobitsPerSecond = kilobitsPerSecond
    this.#id3 = id3
  }

  encode(samples: Float32Array): Uint8Array {
    this.#samples += samples.length
    // Of 16 bit, as every other format of ours: an output that is converted later has the bytes of one that was asked for.
    return this.#pass(this.#lame.encode([fromInt16(toInt16(samples))]))
  }

  finish(): Uint8Array {
    return this.#pass(this.#lame.finalize())
  }

  finalHead(): Uint8Array {
    invariant(this.#stream, 'the MP3 encoder was asked for totals before it finished')
    // At a constant bit rate LAME pads single frames by a byte so that the sum is never off by a whole one: rounding
    // gives the true count.
    const frames = Math.round(this.#bytes / bytesPerFrame(this.#stream))
    const padding = frames * samplesPerFrame(this.#sampleRate) - ENCODER_DELAY - this.#samples
    if (!hasRoomForInfo(this.#stream)) return this.#id3
    return concatBytes([this.#id3, mp3InfoFrame(this.#stream, { frames, bytes: this.#bytes, padding, crc: this.#crc })])
  }

  [Symbol.dispose](): void {}

  /** Counts what LAME made and copies it: the view points into LAME's memory, which the next call overwrites. */
  #pass(bytes: Uint8Array): Uint8Array {
    this.#crc = crc16(bytes, this.#crc)
    this.#bytes += bytes.length
    if (this.#stream || bytes.length === 0) return Uint8Array.from(bytes)
    this.#stream = {
      header: Uint8Array.from(bytes.subarray(0, HEADER_BYTES)),
      sampleRate: this.#sampleRate,
      kilobitsPerSecond: this.#kilobitsPerSecond,
      encoderDelay: ENCODER_DELAY,
    }
    if (!hasRoomForInfo(this.#stream)) return concatBytes([this.#id3, bytes])
    return concatBytes([this.#id3, mp3InfoFrame(this.#stream, undefined), bytes])
  }
}
