// Opus in Ogg (RFC 7845), mono. The head names the encoder's delay and the last page the end, so the decoded length is
// exactly that of the samples.
import { Encoder } from '@evan/opus'
import { invariant } from '../../errors.ts'
import { concatBytes, concatSamples, toInt16 } from '../pcm.ts'
import type { AudioEncoder } from './audio-encoder.ts'
import { OggStream } from './ogg.ts'
import { type AudioTags, vorbisComment } from './tags.ts'

const SAMPLE_RATES = [8_000, 12_000, 16_000, 24_000, 48_000] as const
// Opus counts time at 48 kHz, whatever the rate of the samples.
const GRANULE_RATE = 48_000
const FRAMES_PER_SECOND = 50
const GRANULES_PER_FRAME = GRANULE_RATE / FRAMES_PER_SECOND
const FRAMES_PER_PAGE = 5 // 100 ms: a stream starts soon, and page heads are 7 % of the bytes
const BITS_PER_SECOND = 32_000
// Two to five times faster than libopus' default of 9 (300 to 600 times real time instead of 120 to 140), at the same
// size.
const COMPLEXITY = 5
// One stream in a file, so any number does; a fixed one keeps equal samples equal bytes.
const SERIAL = 0x43425458

export class OpusEncoder implements AudioEncoder {
  readonly #opus: Encoder
  readonly #ogg = new OggStream(SERIAL)
  readonly #tags: AudioTags | undefined
  readonly #sampleRate: number
  readonly #samplesPerFrame: number
  /** The encoder's delay in granules, which a decoder throws away. */
  readonly #preSkip: number
  #pending = new Float32Array()
  #packets: Uint8Array[] = []
  #samples = 0
  #framesEncoded = 0
  #headSent = false

  /** `sampleRate` must be one that Opus has: 8, 12, 16, 24 or 48 kHz. */
  constructor(sampleRate: number, tags?: AudioTags, kilobitsPerSecond?: number) {
    const legalRate = SAMPLE_RATES.find((rate) => rate === sampleRate)
    invariant(legalRate, `Opus has no sample rate of ${sampleRate} Hz`)
    this.#opus = new Encoder({ channels: 1, sample_rate: legalRate, application: 'audio' })
    this.#opus.bitrate = kilobitsPerSecond ? kilobitsPerSecond * 1000 : BITS_PER_SECOND
    this.#opus.complexity = COMPLEXITY
    this.#sampleRate = sampleRate
    this.#tags = tags
    this.#samplesPerFrame = sampleRate / FRAMES_PER_SECOND
    this.#preSkip = (lookahead(this.#opus) * GRANULE_RATE) / sampleRate
  }

  encode(samples: Float32Array): Uint8Array {
    this.#samples += samples.length
    const pending = concatSamples([this.#pending, samples])
    const pages = this.#head()
    let at = 0
    for (; at + this.#samplesPerFrame <= pending.length; at += this.#samplesPerFrame) {
      pages.push(...this.#encodeFrame(pending.subarray(at, at + this.#samplesPerFrame)))
    }
    this.#pending = pending.slice(at)
    return concatBytes(pages)
  }

  finish(): Uint8Array {
    const pages = this.#head()
    const end = this.#preSkip + (this.#samples * GRANULE_RATE) / this.#sampleRate
    while (this.#framesEncoded * GRANULES_PER_FRAME < end || this.#framesEncoded === 0) {
      const frame = new Float32Array(this.#samplesPerFrame)
      frame.set(this.#pending)
      this.#pending = new Float32Array()
      pages.push(...this.#encodeFrame(frame))
    }
    pages.push(this.#ogg.page(this.#packets, end, { last: true }))
    return concatBytes(pages)
  }

  [Symbol.dispose](): void {}

  #head(): Uint8Array[] {
    if (this.#headSent) return []
    this.#headSent = true
    return [this.#ogg.page([opusHead(this.#preSkip, this.#sampleRate)], 0), this.#ogg.page([opusTags(this.#tags)], 0)]
  }

  /**
   * A page goes out only when another packet follows, because the last page must hold the last packet to cut it (RFC
   * 7845, 4.4).
   */
  #encodeFrame(samples: Float32Array): Uint8Array[] {
    const full = this.#packets.length === FRAMES_PER_PAGE
    const pages = full ? [this.#ogg.page(this.#packets, this.#framesEncoded * GRANULES_PER_FRAME)] : []
    if (full) this.#packets = []
    this.#packets.push(Uint8Array.from(this.#opus.encode(toInt16(samples))))
    this.#framesEncoded++
    return pages
  }
}

/** Samples of delay. The property exists under its right name; the package's types misspell it. */
function lookahead(opus: Encoder): number {
  const value: unknown = Reflect.get(opus, 'lookahead')
  invariant(typeof value === 'number' && value > 0, 'the Opus encoder does not tell its delay')
  return value
}

function opusHead(preSkip: number, sampleRate: number): Uint8Array {
  const head = Buffer.alloc(19)
  head.write('OpusHead', 0, 'latin1')
  head[8] = 1 // version
  head[9] = 1 // channels
  head.writeUInt16LE(preSkip, 10)
  head.writeUInt32LE(sampleRate, 12)
  return head // gain 0 dB, channel mapping family 0
}

const opusTags = (tags: AudioTags | undefined): Uint8Array =>
  concatBytes([Buffer.from('OpusTags', 'latin1'), vorbisComment('libopus', tags)])
