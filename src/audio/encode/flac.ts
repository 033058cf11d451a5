// FLAC, 16 bit mono: frames by FFmpeg's encoder, the head written here, so that it can be sent first as `unknown` and
// completed at the end.
import { createHash } from 'node:crypto'
import { invariant } from '../../errors.ts'
import { type Libav, startLibav } from '../libav.ts'
import { concatBytes, toInt16, toLittleEndian } from '../pcm.ts'
import type { AudioEncoder } from './audio-encoder.ts'
import { type AudioTags, vorbisComment } from './tags.ts'

const STREAMINFO_BYTES = 34
const MD5_OFFSET = 18
// Signature, and the header of the first metadata block: type 0 (STREAMINFO), 34 bytes.
const SIGNATURE = Uint8Array.of(...Buffer.from('fLaC', 'latin1'), 0, 0, 0, STREAMINFO_BYTES)
const LAST_BLOCK_OF_COMMENTS = 0x84
const MONO_LAYOUT = 4 // FFmpeg's AV_CH_FRONT_CENTER

interface Codec {
  readonly context: number
  readonly frame: number
  readonly packet: number
  /** Samples of every frame but the last: 2,304 (96 ms) at 24 kHz. */
  readonly samplesPerFrame: number
}

/** One FFmpeg for all FLAC encoders of this thread: it sees only our own samples, and another one would cost 30 ms. */
let sharedLibav: Promise<Libav> | undefined

export class FlacEncoder implements AudioEncoder {
  readonly #libav: Libav
  readonly #codec: Codec
  readonly #sampleRate: number
  readonly #comments: Uint8Array
  readonly #md5 = createHash('md5')
  #pending = new Int16Array()
  #samplesEncoded = 0
  #headSent = false
  #disposed = false

  static async create(sampleRate: number, tags?: AudioTags): Promise<FlacEncoder> {
    sharedLibav ??= startLibav()
    const libav = await sharedLibav.catch((error: unknown) => {
      sharedLibav = undefined // so that the next encoder tries again
      throw error
    })
    const [, context, frame, packet, samplesPerFrame] = await libav.ff_init_encoder('flac', {
      ctx: { sample_fmt: libav.AV_SAMPLE_FMT_S16, sample_rate: sampleRate, channel_layout: MONO_LAYOUT },
      time_base: [1, sampleRate],
    })
    return new FlacEncoder(libav, { context, frame, packet, samplesPerFrame }, sampleRate, commentBlock(tags))
  }

  private constructor(libav: Libav, codec: Codec, sampleRate: number, comments: Uint8Array) {
    this.#libav = libav
    this.#codec = codec
    this.#sampleRate = sampleRate
    this.#comments = comments
  }

  encode(samples: Float32Array): Uint8Array {
    const { samplesPerFrame } = this.#codec
    const pcm = toInt16(samples)
    this.#md5.update(toLittleEndian(pcm))
    const pending = new Int16Array(this.#pending.length + pcm.length)
    pending.set(this.#pending)
    pending.set(pcm, this.#pending.length)
    const ready = pending.length - (pending.length % samplesPerFrame)
    this.#pending = pending.slice(ready)
    const frames: Int16Array[] = []
    for (let at = 0; at < ready; at += samplesPerFrame) frames.push(pending.subarray(at, at + samplesPerFrame))
    return concatBytes([...this.#firstHead(), ...this.#encodeFrames(frames, false)])
  }

  finish(): Uint8Array {
    const rest = this.#pending.length > 0 ? [this.#pending] : []
    return concatBytes([...this.#firstHead(), ...this.#encodeFrames(rest, true)])
  }

  /**
   * When the encoder has been flushed, its STREAMINFO holds the frame sizes and the number of samples. The MD5 of the
   * samples is ours: in the WebAssembly build the encoder's own is wrong, and `flac -t` refuses the file.
   */
  finalHead(): Uint8Array {
    const streamInfo = this.#streamInfo()
    streamInfo.set(this.#md5.digest(), MD5_OFFSET)
    return concatBytes([SIGNATURE, streamInfo])
  }

  [Symbol.dispose](): void {
    if (this.#disposed) return
    this.#disposed = true
    const { context, frame, packet } = this.#codec
    this.#libav.ff_free_encoder_sync(context, frame, packet)
  }

  #firstHead(): Uint8Array[] {
    if (this.#headSent) return []
    this.#headSent = true
    return [SIGNATURE, this.#streamInfo(), this.#comments]
  }

  #streamInfo(): Uint8Array {
    const address = this.#libav.AVCodecContext_extradata_sync(this.#codec.context)
    return Uint8Array.from(this.#libav.copyout_u8_sync(address, STREAMINFO_BYTES))
  }

  #encodeFrames(blocks: readonly Int16Array[], last: boolean): Uint8Array[] {
    invariant(!this.#disposed, 'a FLAC encoder was used after it was disposed of')
    const { context, frame, packet } = this.#codec
    const frames = blocks.map((data) => {
      const pts = this.#samplesEncoded
      this.#samplesEncoded += data.length
      return {
        data,
        format: this.#libav.AV_SAMPLE_FMT_S16,
        channel_layout: MONO_LAYOUT,
        sample_rate: this.#sampleRate,
        nb_samples: data.length,
        pts,
        ptshi: 0,
      }
    })
    return this.#libav.ff_encode_multi_sync(context, frame, packet, frames, last).map(({ data }) => data)
  }
}

/** The second and last metadata block; it names the program that made the frames even where there are no tags. */
function commentBlock(tags: AudioTags | undefined): Uint8Array {
  const content = vorbisComment('Lavc', tags)
  const header = Buffer.alloc(4)
  header[0] = LAST_BLOCK_OF_COMMENTS
  header.writeUIntBE(content.length, 1, 3)
  return concatBytes([header, content])
}
