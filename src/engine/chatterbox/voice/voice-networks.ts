// The three networks that listen to a reference recording, each behind a function of samples at 16 kHz.
import { invariant } from '../../../errors.ts'
import { floatsOf, Session, type SessionOptions, type Tensor } from '../../runtime/session.ts'
import { kaldiFbank, subtractTimeMean } from './kaldi-fbank.ts'
import { cutFrames, SPEECH_MEL_CHANNELS, speechMel } from './speech-mel.ts'
import { TOKENIZER_PARTS, tokenizerPartName } from './tokenizer-parts.ts'
import { cutPartials, findSpeech, PARTIAL_FRAMES, VOICE_MEL_CHANNELS, voiceMel } from './voice-mel.ts'

const FBANK_CHANNELS = 80
/** Mel frames of one speech token. */
const FRAMES_PER_TOKEN = 4

/** A recording at 16 kHz and how many tokens of it are wanted at most. */
export interface TokenizerInput {
  readonly samples: Float32Array
  readonly maxTokens: number
}

/**
 * Each network is opened for one call and closed after it, the tokenizer in parts: together they take half a gigabyte, which would be the
 * peak of the engine's memory, and a voice is encoded once.
 */
export class VoiceNetworks {
  readonly #graphFile: (name: string) => string
  readonly #options: SessionOptions

  /** `graphFile` tells where a bundle keeps a graph. */
  constructor(graphFile: (name: string) => string, options: SessionOptions) {
    this.#graphFile = graphFile
    this.#options = options
  }

  /** The voice as a unit vector: the mean over partials of 1.6 s of what is between the first and the last loud moment. */
  async speakerEmbedding(samples: Float32Array): Promise<Float32Array> {
    const { begin, end } = findSpeech(samples)
    const partials = cutPartials(voiceMel(samples.subarray(begin, end)))
    const mel: Tensor = { data: partials.values, shape: [partials.count, PARTIAL_FRAMES, VOICE_MEL_CHANNELS] }
    await using voiceEncoder = await this.#open('voice-encoder')
    const embeddings = floatsOf((await voiceEncoder.run({ mel })).embeddings)
    const size = embeddings.length / partials.count
    const sum = new Float64Array(size)
    for (const [i, value] of embeddings.entries()) sum[i % size] = (sum[i % size] ?? 0) + value
    const length = Math.hypot(...sum)
    return Float32Array.from(sum, (value) => value / length)
  }

  /** Speech tokens at 25 Hz of each input, which is at most 30 s long. Stops between two parts of the network when aborted. */
  async speechTokens(inputs: readonly TokenizerInput[], signal: AbortSignal): Promise<Int32Array[]> {
    let values: Tensor[] = inputs.map(({ samples, maxTokens }) => {
      const mel = cutFrames(speechMel(samples), FRAMES_PER_TOKEN * maxTokens)
      return { data: mel.values, shape: [1, SPEECH_MEL_CHANNELS, mel.frames] }
    })
    for (let part = 0; part < TOKENIZER_PARTS; part++) {
      signal.throwIfAborted()
      const [from, to] = [part === 0 ? 'mel' : 'hidden', part < TOKENIZER_PARTS - 1 ? 'heard' : 'tokens']
      await using session = await this.#open(tokenizerPartName(part))
      const results: Tensor[] = []
      for (const value of values) {
        const result = (await session.run({ [from]: value }))[to]
        invariant(result, `the tokenizer returns ${to}`)
        results.push(result)
      }
      values = results
    }
    return values.map(({ data }) => {
      invariant(data instanceof BigInt64Array, 'speech tokens are int64')
      return Int32Array.from(data, Number)
    })
  }

  /** The speaker's x-vector [192], not normalised. */
  async xvector(samples: Float32Array): Promise<Float32Array> {
    const features = kaldiFbank(samples)
    subtractTimeMean(features)
    const input: Tensor = { data: features.values, shape: [1, features.frames, FBANK_CHANNELS] }
    await using speakerEncoder = await this.#open('speaker-encoder')
    return floatsOf((await speakerEncoder.run({ features: input })).xvector)
  }

  #open(name: string): Promise<Session> {
    // For one or two runs, repacking costs more than it saves: of 2.6 s for a voice it was 1.2.
    return Session.open(this.#graphFile(name), { ...this.#options, repackWeights: false })
  }
}
