// The three networks that listen to a reference recording, each behind a function of samples at 16 kHz.
import { invariant } from '../../../errors.ts'
import { openSessions } from '../../runtime/open-sessions.ts'
import { floatsOf, type Session, type SessionOptions, type Tensor } from '../../runtime/session.ts'
import { kaldiFbank, subtractTimeMean } from './kaldi-fbank.ts'
import { cutFrames, SPEECH_MEL_CHANNELS, speechMel } from './speech-mel.ts'
import { cutPartials, findSpeech, PARTIAL_FRAMES, VOICE_MEL_CHANNELS, voiceMel } from './voice-mel.ts'

const FBANK_CHANNELS = 80
/** Mel frames of one speech token. */
const FRAMES_PER_TOKEN = 4

/** Loaded networks; they take about 0.5 GB, so whoever encodes a voice opens them for that and closes them after. */
export class VoiceNetworks implements AsyncDisposable {
  readonly #voiceEncoder: Session
  readonly #speechTokenizer: Session
  readonly #speakerEncoder: Session

  private constructor([voiceEncoder, speechTokenizer, speakerEncoder]: readonly [Session, Session, Session]) {
    this.#voiceEncoder = voiceEncoder
    this.#speechTokenizer = speechTokenizer
    this.#speakerEncoder = speakerEncoder
  }

  /** `graphFile` tells where a bundle keeps a graph. */
  static async open(graphFile: (name: string) => string, options: SessionOptions): Promise<VoiceNetworks> {
    const names = ['voice-encoder', 'speech-tokenizer', 'speaker-encoder'] as const
    return new VoiceNetworks(await openSessions(names, graphFile, options))
  }

  /** The voice as a unit vector: the mean over partials of 1.6 s of what is between the first and the last loud moment. */
  async speakerEmbedding(samples: Float32Array): Promise<Float32Array> {
    const { begin, end } = findSpeech(samples)
    const partials = cutPartials(voiceMel(samples.subarray(begin, end)))
    const mel: Tensor = { data: partials.values, shape: [partials.count, PARTIAL_FRAMES, VOICE_MEL_CHANNELS] }
    const embeddings = floatsOf((await this.#voiceEncoder.run({ mel })).embeddings)
    const size = embeddings.length / partials.count
    const sum = new Float64Array(size)
    for (const [i, value] of embeddings.entries()) sum[i % size] = (sum[i % size] ?? 0) + value
    const length = Math.hypot(...sum)
    return Float32Array.from(sum, (value) => value / length)
  }

  /** Speech tokens at 25 Hz, at most `maxTokens`. At most 30 s of samples. */
  async speechTokens(samples: Float32Array, maxTokens: number): Promise<Int32Array> {
    const mel = cutFrames(speechMel(samples), FRAMES_PER_TOKEN * maxTokens)
    const input: Tensor = { data: mel.values, shape: [1, SPEECH_MEL_CHANNELS, mel.frames] }
    const tokens = (await this.#speechTokenizer.run({ mel: input })).tokens
    invariant(tokens?.data instanceof BigInt64Array, 'speech tokens are int64')
    return Int32Array.from(tokens.data, Number)
  }

  /** The speaker's x-vector [192], not normalised. */
  async xvector(samples: Float32Array): Promise<Float32Array> {
    const features = kaldiFbank(samples)
    subtractTimeMean(features)
    const input: Tensor = { data: features.values, shape: [1, features.frames, FBANK_CHANNELS] }
    return floatsOf((await this.#speakerEncoder.run({ features: input })).xvector)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#voiceEncoder[Symbol.asyncDispose]()
    await this.#speechTokenizer[Symbol.asyncDispose]()
    await this.#speakerEncoder[Symbol.asyncDispose]()
  }
}
