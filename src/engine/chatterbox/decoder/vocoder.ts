// Mel → samples: f0 from the mel, the harmonic source from f0, and the vocoder from both.
// Takes its phases and noise as inputs and so knows nothing of seeds.
import { openSessions } from '../../runtime/open-sessions.ts'
import { floatsOf, type Session, type SessionOptions, type Tensor } from '../../runtime/session.ts'
import { MEL_BANDS, SAMPLES_PER_FRAME } from './frame-rates.ts'
import type { HarmonicMix } from './harmonic-source.ts'

/**
 * Frames before and after a frame that its samples can depend on, and two to spare: 3 in the first convolution, 1 in the upsampling, 7.5, 1.5
 * and 0.5 in the residual blocks of the stages.
 */
export const VOCODER_REACH_FRAMES = 16

/**
 * Longer mels, more than 10.2 s, are spoken in windows. The runtime keeps its activations, 0.6 MB a frame: 1.2 GB for the longest
 * piece. A window costs its two times VOCODER_REACH_FRAMES in addition.
 */
const LONGEST_WINDOW_FRAMES = 512

export interface Pitch {
  /** Hz per frame; up to 10 Hz means unvoiced. */
  readonly f0: Float32Array
  /** How this model mixes the harmonics; the same for every mel. */
  readonly mix: HarmonicMix
}

export class Vocoder implements AsyncDisposable {
  readonly #f0Predictor: Session
  readonly #vocoder: Session

  private constructor(f0Predictor: Session, vocoder: Session) {
    this.#f0Predictor = f0Predictor
    this.#vocoder = vocoder
  }

  /** `graphFile` tells where a bundle keeps a graph. */
  static async open(graphFile: (name: string) => string, options: SessionOptions): Promise<Vocoder> {
    // Its activations are large and many; fresh memory for each costs a tenth of the time.
    const keeping = { ...options, keepActivations: true }
    const [f0Predictor, vocoder] = await openSessions(['f0-predictor', 'vocoder'], graphFile, keeping)
    return new Vocoder(f0Predictor, vocoder)
  }

  /** mel [frames, MEL_BANDS] → its pitch. */
  async pitch(mel: Float32Array): Promise<Pitch> {
    const { f0, harmonic_weights, harmonic_bias } = await this.#f0Predictor.run({ mel: melTensor(mel) })
    return { f0: floatsOf(f0), mix: { weights: floatsOf(harmonic_weights), bias: floatsOf(harmonic_bias)[0] ?? 0 } }
  }

  /**
   * mel [frames, MEL_BANDS] and source [480 · frames] → samples [480 · frames] within ±0.99. More than `longest` frames are spoken in windows of
   * equal length, each of which also hears all that its samples depend on: at most the last bits differ, and they depend on the length alone.
   */
  async samples(
    mel: Float32Array,
    source: Float32Array,
    longest: number = LONGEST_WINDOW_FRAMES,
  ): Promise<Float32Array> {
    const frames = mel.length / MEL_BANDS
    const windows = Math.ceil(frames / longest)
    if (windows <= 1) return this.#window(mel, source)
    const samples = new Float32Array(frames * SAMPLES_PER_FRAME)
    for (let window = 0; window < windows; window++) {
      const [begin, end] = [window, window + 1].map((index) => Math.round((frames * index) / windows)) as [
        number,
        number,
      ]
      const first = Math.max(0, begin - VOCODER_REACH_FRAMES)
      const last = Math.min(frames, end + VOCODER_REACH_FRAMES)
      const heard = await this.#window(
        mel.subarray(first * MEL_BANDS, last * MEL_BANDS),
        source.subarray(first * SAMPLES_PER_FRAME, last * SAMPLES_PER_FRAME),
      )
      const own = heard.subarray((begin - first) * SAMPLES_PER_FRAME, (end - first) * SAMPLES_PER_FRAME)
      samples.set(own, begin * SAMPLES_PER_FRAME)
    }
    return samples
  }

  async #window(mel: Float32Array, source: Float32Array): Promise<Float32Array> {
    const feeds = { mel: melTensor(mel), source: { data: source, shape: [1, source.length] } }
    return floatsOf((await this.#vocoder.run(feeds)).samples)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#f0Predictor[Symbol.asyncDispose]()
    await this.#vocoder[Symbol.asyncDispose]()
  }
}

const melTensor = (mel: Float32Array): Tensor => ({ data: mel, shape: [1, mel.length / MEL_BANDS, MEL_BANDS] })
