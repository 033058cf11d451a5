// Speech tokens and a voice → samples at 24 kHz: flow, pitch, harmonic source, vocoder, fade in. Same seed and piece, same samples.
import type { SessionOptions } from '../../runtime/session.ts'
import type { Conditionals } from '../voice/conditionals.ts'
import { decoderNoise } from './decoder-noise.ts'
import { fadeIn } from './fade-in.ts'
import { Flow } from './flow.ts'
import { MEL_BANDS } from './frame-rates.ts'
import { harmonicSource, noiseGain, startOfHarmonics } from './harmonic-source.ts'
import { soundsOf, TRAILING_SILENCE } from './sounds.ts'
import { SpeechStream } from './speech-stream.ts'
import { Vocoder } from './vocoder.ts'

/** What a piece's randomness is a function of. */
export interface DecoderSeed {
  readonly seed: number
  readonly pieceIndex: number
}

export class SpeechDecoder implements AsyncDisposable {
  readonly #flow: Flow
  readonly #vocoder: Vocoder

  private constructor(flow: Flow, vocoder: Vocoder) {
    this.#flow = flow
    this.#vocoder = vocoder
  }

  /** Loads the decoder's four graphs; `graphFile` tells where a bundle keeps one. Blocks the calling thread while it does. */
  static async open(graphFile: (name: string) => string, options: SessionOptions): Promise<SpeechDecoder> {
    const flow = await Flow.open(graphFile, options)
    try {
      return new SpeechDecoder(flow, await Vocoder.open(graphFile, options))
    } catch (error) {
      await flow[Symbol.asyncDispose]()
      throw error
    }
  }

  /**
   * Samples in ±0.99 at 24 kHz, 960 a token. Control tokens among `speechTokens` are left out, three of silence are added; where the
   * voice's mel has an odd number of frames the first half token is missing. Stops between two runs of a graph.
   */
  async decode(
    speechTokens: ArrayLike<number>,
    voice: Conditionals['decoder'],
    { seed, pieceIndex }: DecoderSeed,
    signal: AbortSignal,
  ): Promise<Float32Array> {
    const tokens = Int32Array.of(...soundsOf(speechTokens), ...TRAILING_SILENCE)
    const noise = decoderNoise(seed, pieceIndex)
    const mel = await this.#flow.decode(tokens, voice, noise.flow(voice.tokens.length, tokens.length), signal)
    signal.throwIfAborted()
    const { f0, mix } = await this.#vocoder.pitch(mel)
    const randomness = { phases: noise.phases(), noise: noise.source(mel.length / MEL_BANDS, noiseGain(mix)) }
    const source = harmonicSource(f0, mix, randomness, startOfHarmonics())
    signal.throwIfAborted()
    const samples = await this.#vocoder.samples(mel, source)
    fadeIn(samples)
    return samples
  }

  /** Decodes a piece window by window while its tokens are made. */
  stream(voice: Conditionals['decoder'], { seed, pieceIndex }: DecoderSeed): SpeechStream {
    return new SpeechStream(this.#flow, this.#vocoder, voice, decoderNoise(seed, pieceIndex))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#flow[Symbol.asyncDispose]()
    await this.#vocoder[Symbol.asyncDispose]()
  }
}
