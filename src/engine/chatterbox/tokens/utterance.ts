// One sequence of speech tokens being drawn: logits go in, tokens accumulate, until one of the endings. Knows no network.
import type { Sampling } from '../../engine.ts'
import { drawToken, nextTokenDistribution } from './sampling.ts'
import { endsInLoop, START_TOKEN, STOP_TOKEN } from './speech-tokens.ts'

export interface Drawing {
  readonly sampling: Sampling
  /** The random number in (0, 1) that draws the token at this position. */
  readonly uniform: (position: number) => number
  readonly maxTokens: number
  /** Told of each token as soon as it is drawn. */
  readonly onToken?: ((token: number) => void) | undefined
}

/** `stop`: the model ended it; otherwise it was cut off. */
export type Ending = 'stop' | 'token-cap' | 'loop'

export class Utterance {
  readonly tokens: number[] = []
  ending: Ending | undefined
  readonly #drawing: Drawing

  constructor(drawing: Drawing) {
    this.#drawing = drawing
  }

  /**
   * Draws the token that follows, unless it is the end. As in the official code, a stop token in the first place does not stop, and
   * the repetition penalty knows the start token before the first draw and only the drawn ones afterwards.
   */
  draw(logits: Float32Array): void {
    const { sampling, uniform, maxTokens, onToken } = this.#drawing
    const { tokens } = this
    const history = tokens.length === 0 ? [START_TOKEN] : tokens
    const token = drawToken(nextTokenDistribution(logits, history, sampling), uniform(tokens.length))
    if (token === STOP_TOKEN && tokens.length > 0) {
      this.ending = 'stop'
      return
    }
    tokens.push(token)
    onToken?.(token)
    if (tokens.length >= maxTokens) this.ending = 'token-cap'
    else if (endsInLoop(tokens)) this.ending = 'loop'
  }
}
