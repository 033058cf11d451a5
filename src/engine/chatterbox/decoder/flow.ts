// Speech tokens → mel: the encoder once, then two Euler steps from noise along the estimator's mean velocity (meanflow).
// Takes its noise as an input and so knows nothing of seeds.
import { invariant } from '../../../errors.ts'
import { openSessions } from '../../runtime/open-sessions.ts'
import { floatsOf, type Session, type SessionOptions, type Tensor } from '../../runtime/session.ts'
import type { Conditionals } from '../voice/conditionals.ts'
import { createDistanceEncodings, type DistanceEncodings } from './distance-encodings.ts'
import { EULER_STEPS } from './euler-steps.ts'
import { FRAMES_PER_TOKEN, MEL_BANDS } from './frame-rates.ts'

/** The encoder's attention takes its queries in four parts of at least two. */
const FEWEST_TOKENS = 8

type VoicePrompt = Conditionals['decoder']

export class Flow implements AsyncDisposable {
  readonly #encoder: Session
  readonly #estimator: Session
  readonly #distances: DistanceEncodings
  readonly #width: number

  private constructor(encoder: Session, estimator: Session) {
    this.#encoder = encoder
    this.#estimator = estimator
    const width = encoder.inputs.get('distances')?.shape[1]
    invariant(typeof width === 'number', 'flow-encoder takes distances of a known width')
    this.#width = width
    this.#distances = createDistanceEncodings(width)
  }

  /** `graphFile` tells where a bundle keeps a graph. */
  static async open(graphFile: (name: string) => string, options: SessionOptions): Promise<Flow> {
    const [encoder, estimator] = await openSessions(['flow-encoder', 'flow-estimator'], graphFile, options)
    return new Flow(encoder, estimator)
  }

  /**
   * The mel of `speechTokens` (all below 6561), [frames, MEL_BANDS] row by row: 2 · (prompt + speech tokens) frames less those of the
   * prompt's mel. `noise` [2 · (prompt + speech tokens), MEL_BANDS] is where the flow starts. Stops between runs of a graph.
   */
  async decode(
    speechTokens: Int32Array,
    prompt: VoicePrompt,
    noise: Float32Array,
    signal: AbortSignal,
  ): Promise<Float32Array> {
    const tokenCount = prompt.tokens.length + speechTokens.length
    invariant(tokenCount >= FEWEST_TOKENS, `the flow needs ${FEWEST_TOKENS} tokens, not ${tokenCount}`)
    const frames = FRAMES_PER_TOKEN * tokenCount
    invariant(noise.length === frames * MEL_BANDS, `${frames} frames need ${frames * MEL_BANDS} noise values`)
    invariant(prompt.mel.length % MEL_BANDS === 0 && prompt.mel.length < noise.length, 'the prompt fills all frames')
    signal.throwIfAborted()
    const { mu, speaker } = await this.#encode(speechTokens, prompt)

    const shape = [1, frames, MEL_BANDS]
    const promptMel = new Float32Array(frames * MEL_BANDS)
    promptMel.set(prompt.mel)
    const x = Float32Array.from(noise)
    for (const [step, [from, to]] of EULER_STEPS.entries()) {
      signal.throwIfAborted()
      const { velocity } = await this.#estimator.run({
        x: { data: x, shape },
        mu,
        prompt: { data: promptMel, shape },
        speaker,
        step: { data: BigInt64Array.of(BigInt(step)), shape: [1] },
      })
      const data = floatsOf(velocity)
      for (let i = 0; i < x.length; i++) x[i] = (x[i] ?? 0) + (to - from) * (data[i] ?? 0)
    }
    return x.subarray(prompt.mel.length)
  }

  async #encode(speechTokens: Int32Array, prompt: VoicePrompt): Promise<{ mu: Tensor; speaker: Tensor }> {
    const tokens = BigInt64Array.from([...prompt.tokens, ...speechTokens], BigInt)
    const reach = FRAMES_PER_TOKEN * tokens.length - 1
    const { mu, speaker } = await this.#encoder.run({
      tokens: { data: tokens, shape: [tokens.length] },
      distances: { data: this.#distances.upTo(reach), shape: [2 * reach + 1, this.#width] },
      speaker_embedding: { data: prompt.xvector, shape: [1, prompt.xvector.length] },
    })
    invariant(mu && speaker, 'flow-encoder returns mu and speaker')
    return { mu, speaker }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#encoder[Symbol.asyncDispose]()
    await this.#estimator[Symbol.asyncDispose]()
  }
}
