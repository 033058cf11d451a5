// Mel → samples: f0 from the mel, the harmonic source from f0, and the vocoder from both.
// Takes its phases and noise as inputs and so knows nothing of seeds.
import { openSessions } from '../../runtime/open-sessions.ts'
import { floatsOf, type Session, type SessionOptions, type Tensor } from '../../runtime/session.ts'
import { MEL_BANDS } from './frame-rates.ts'
import type { HarmonicMix } from './harmonic-source.ts'

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

  /** mel [frames, MEL_BANDS] and source [480 · frames] → samples [480 · frames] within ±0.99. */
  async samples(mel: Float32Array, source: Float32Array): Promise<Float32Array> {
    const { samples } = await this.#vocoder.run({
      mel: melTensor(mel),
      source: { data: source, shape: [1, source.length] },
    })
    return floatsOf(samples)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#f0Predictor[Symbol.asyncDispose]()
    await this.#vocoder[Symbol.asyncDispose]()
  }
}

const melTensor = (mel: Float32Array): Tensor => ({ data: mel, shape: [1, mel.length / MEL_BANDS, MEL_BANDS] })
