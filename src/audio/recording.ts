// A decoded recording, and the only way to make one from untrusted blocks: mixed to mono, scrubbed, under caps that
// hold before memory is taken.
import { AudioInputError } from './audio-input-error.ts'

export interface Recording {
  /** Mono, full scale ±1; finite. Decoders of lossy formats may overshoot full scale a little. */
  readonly samples: Float32Array<ArrayBuffer>
  /** Hz, as the file says: 4,000 … 384,000. */
  readonly sampleRate: number
  /** The container it came in, e.g. `wav`, `mp3`, `ogg`. */
  readonly container: string
}

export const MIN_SAMPLE_RATE = 4_000
export const MAX_SAMPLE_RATE = 384_000
export const MAX_CHANNELS = 8

// 120 MB of float samples. 300 s at 96 kHz fit; the cap is there because a few kilobytes of silent FLAC can claim 300 s
// at 384 kHz.
export const MAX_SAMPLES = 30_000_000

// +18 dB over full scale: far above any real overshoot, low enough that no later sum of squares overflows.
const MAX_AMPLITUDE = 8

/** Refuses sample rates and channel counts that no recording has. */
export function checkShape(sampleRate: number, channels: number): void {
  if (!(sampleRate >= MIN_SAMPLE_RATE && sampleRate <= MAX_SAMPLE_RATE)) {
    throw new AudioInputError(
      'unsupported',
      `The recording's sample rate is ${sampleRate} Hz; 4,000 to 384,000 Hz work.`,
    )
  }
  if (!(channels >= 1 && channels <= MAX_CHANNELS)) {
    throw new AudioInputError('unsupported', `The recording has ${channels} channels; 1 to ${MAX_CHANNELS} work.`)
  }
}

/** Refuses `frames` samples per channel if they are none, more than `maxSeconds`, or more than memory is kept for. */
export function checkLength(frames: number, sampleRate: number, maxSeconds: number): void {
  if (frames === 0) throw new AudioInputError('empty', 'The recording holds no samples.')
  if (frames > maxSeconds * sampleRate) {
    throw new AudioInputError('too_long', `The recording is longer than ${maxSeconds} seconds; send a shorter one.`)
  }
  if (frames > MAX_SAMPLES) {
    throw new AudioInputError('too_long', 'The recording has too many samples; lower its sample rate or shorten it.')
  }
}

/** NaN → 0, ±∞ and absurd values → ±8. */
export function scrub(sample: number): number {
  if (sample >= -MAX_AMPLITUDE && sample <= MAX_AMPLITUDE) return sample
  if (Number.isNaN(sample)) return 0
  return sample > 0 ? MAX_AMPLITUDE : -MAX_AMPLITUDE
}

/** Collects decoded blocks of a length unknown beforehand; every cap is checked before a block is kept. */
export class RecordingCollector {
  readonly #maxSeconds: number
  readonly #blocks: Float32Array[] = []
  #sampleRate = 0
  #channels = 0
  #frames = 0

  constructor(maxSeconds: number) {
    this.#maxSeconds = maxSeconds
  }

  /** `channels[c][i]`, full scale ±1, all of one length; kept as their mean. */
  add(sampleRate: number, channels: readonly Float32Array[]): void {
    const frames = channels[0]?.length ?? 0
    if (frames === 0) return
    if (this.#frames === 0) {
      checkShape(sampleRate, channels.length)
      this.#sampleRate = sampleRate
      this.#channels = channels.length
    } else if (sampleRate !== this.#sampleRate || channels.length !== this.#channels) {
      throw new AudioInputError('unsupported', 'The recording changes its sample rate or channels midway; convert it.')
    }
    checkLength(this.#frames + frames, sampleRate, this.#maxSeconds)
    this.#frames += frames
    const mono = new Float32Array(frames)
    for (const channel of channels) {
      for (let i = 0; i < frames; i++) mono[i] = (mono[i] ?? 0) + scrub(channel[i] ?? 0)
    }
    if (channels.length > 1) for (let i = 0; i < frames; i++) mono[i] = (mono[i] ?? 0) / channels.length
    this.#blocks.push(mono)
  }

  finish(container: string): Recording {
    checkLength(this.#frames, this.#sampleRate, this.#maxSeconds)
    const samples = new Float32Array(this.#frames)
    let offset = 0
    for (const block of this.#blocks) {
      samples.set(block, offset)
      offset += block.length
    }
    return { samples, sampleRate: this.#sampleRate, container }
  }
}
