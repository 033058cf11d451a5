// One piece decoded while its tokens are still being made: low latency for a little less fidelity than SpeechDecoder.decode.
//
// The model attends in both directions, so what has been decoded changes with every token that follows; nothing can be cached exactly.
// Every window therefore decodes prompt, context and new tokens again with the same noise at every frame, and is joined to what is already
// out in three places: the last mel frames of a window are held back and blended into the next window's, the harmonics run on from where
// they were, and the samples are cross-faded.
import { invariant } from '../../../errors.ts'
import type { Conditionals } from '../voice/conditionals.ts'
import type { DecoderNoise } from './decoder-noise.ts'
import { fadeIn } from './fade-in.ts'
import type { Flow } from './flow.ts'
import { FRAMES_PER_TOKEN, MEL_BANDS, SAMPLES_PER_FRAME } from './frame-rates.ts'
import { type HarmonicCycles, harmonicSource, noiseGain, startOfHarmonics } from './harmonic-source.ts'
import { soundsOf, TRAILING_SILENCE } from './sounds.ts'
import { type Pitch, VOCODER_REACH_FRAMES, type Vocoder } from './vocoder.ts'

/** The encoder looks this many tokens ahead; the mel of a window's last ones is not final. */
const LOOKAHEAD_TOKENS = 3
/** Ready mel frames that wait for the next window, to be blended with its own: 160 ms, as in CosyVoice 2. */
const HELD_BACK_FRAMES = 8
/** Tokens before a window that the flow decodes again. */
const FLOW_CONTEXT_TOKENS = 100
/** The flow's cost is mostly that of its prompt. 125 tokens keep the speaker (WeSpeaker cosine 0.75 against 0.76 with all 250). */
const PROMPT_TOKENS = 125
/** 10 ms. */
const CROSS_FADE_SAMPLES = 240
/** The fade in takes two frames, and all of it must be in the first window. */
const FEWEST_NEW_FRAMES = 2

type VoicePrompt = Conditionals['decoder']

export class SpeechStream {
  readonly #flow: Pick<Flow, 'decode'>
  readonly #vocoder: Vocoder
  readonly #prompt: VoicePrompt
  readonly #noise: DecoderNoise
  readonly #tokens: number[] = []
  /** Mel and f0 of all frames so far. Frames from `#spoken` on are those held back. */
  #mel = new Float32Array(0)
  #f0 = new Float32Array(0)
  /** Frames whose samples are out. */
  #spoken = 0
  /** Harmonics at the first frame the vocoder will hear again. */
  #cycles: HarmonicCycles = startOfHarmonics()
  /** What the last window would have said next. */
  #tail = new Float32Array(0)
  #ended = false

  constructor(flow: Pick<Flow, 'decode'>, vocoder: Vocoder, voice: VoicePrompt, noise: DecoderNoise) {
    this.#flow = flow
    this.#vocoder = vocoder
    this.#prompt = startOf(voice)
    this.#noise = noise
  }

  /**
   * Takes the next tokens and returns the samples that are final by now, perhaps none; seven tokens stay unspoken until `last`, which
   * adds the trailing silence and ends the stream. Each call costs about as much as decoding prompt, context and new tokens at once.
   */
  async push(speechTokens: ArrayLike<number>, last: boolean, signal: AbortSignal): Promise<Float32Array> {
    invariant(!this.#ended, 'the stream has ended')
    this.#tokens.push(...soundsOf(speechTokens), ...(last ? TRAILING_SILENCE : []))
    const known = FRAMES_PER_TOKEN * this.#tokens.length
    const ready = last ? known : known - FRAMES_PER_TOKEN * LOOKAHEAD_TOKENS
    const end = last ? ready : ready - HELD_BACK_FRAMES
    if (!last && end - this.#spoken < FEWEST_NEW_FRAMES) return new Float32Array(0)
    await this.#extendMel(ready, signal)
    signal.throwIfAborted()
    const samples = await this.#speak(ready, end)
    this.#ended = last
    return samples
  }

  /** Decodes context and new tokens, blends the frames held back, and appends up to frame `ready`. */
  async #extendMel(ready: number, signal: AbortSignal): Promise<void> {
    const firstToken = Math.max(0, Math.floor(this.#spoken / FRAMES_PER_TOKEN) - FLOW_CONTEXT_TOKENS)
    const tokens = Int32Array.from(this.#tokens.slice(firstToken))
    const noise = this.#noise.flow(this.#prompt.tokens.length, tokens.length, firstToken)
    const decoded = await this.#flow.decode(tokens, this.#prompt, noise, signal)
    const firstFrame = FRAMES_PER_TOKEN * firstToken
    const mel = new Float32Array(ready * MEL_BANDS)
    mel.set(this.#mel.subarray(0, Math.min(this.#mel.length, mel.length)))
    const known = this.#mel.length / MEL_BANDS
    for (let frame = this.#spoken; frame < ready; frame++) {
      const share = frame < known ? (frame - this.#spoken + 1) / (known - this.#spoken + 1) : 1
      for (let band = 0; band < MEL_BANDS; band++) {
        const fresh = decoded[(frame - firstFrame) * MEL_BANDS + band] ?? 0
        const i = frame * MEL_BANDS + band
        mel[i] = (1 - share) * (mel[i] ?? 0) + share * fresh
      }
    }
    this.#mel = mel
  }

  /** The samples of the frames from `#spoken` to `end`, made with the ready ones after them in the vocoder's sight. */
  async #speak(ready: number, end: number): Promise<Float32Array> {
    const begin = contextBefore(this.#spoken)
    const mel = this.#mel.subarray(begin * MEL_BANDS, ready * MEL_BANDS)
    const { f0: fresh, mix } = await this.#vocoder.pitch(mel)
    const f0 = new Float32Array(ready)
    f0.set(fresh, begin)
    f0.set(this.#f0.subarray(0, this.#spoken))
    const source = this.#source({ f0, mix }, begin, contextBefore(end))
    const window = await this.#vocoder.samples(mel, source)
    const offset = (this.#spoken - begin) * SAMPLES_PER_FRAME
    const spokenSamples = (end - this.#spoken) * SAMPLES_PER_FRAME
    const samples = window.slice(offset, offset + spokenSamples)
    if (this.#spoken === 0) fadeIn(samples)
    else crossFade(this.#tail, samples)
    this.#tail = window.slice(offset + spokenSamples, offset + spokenSamples + CROSS_FADE_SAMPLES)
    this.#f0 = f0
    this.#spoken = end
    return samples
  }

  /** The source from frame `begin` to the end of f0; remembers the harmonics at frame `nextBegin`. */
  #source({ f0, mix }: Pitch, begin: number, nextBegin: number): Float32Array {
    const phases = this.#noise.phases()
    const gain = noiseGain(mix)
    const part = (from: number, to: number, cycles: HarmonicCycles) => {
      const noise = this.#noise.source(to - from, gain, from)
      return harmonicSource(f0.subarray(from, to), mix, { phases, noise }, cycles)
    }
    const source = new Float32Array((f0.length - begin) * SAMPLES_PER_FRAME)
    source.set(part(begin, nextBegin, this.#cycles))
    source.set(part(nextBegin, f0.length, this.#cycles.slice()), (nextBegin - begin) * SAMPLES_PER_FRAME)
    return source
  }
}

const contextBefore = (frame: number): number => Math.max(0, frame - VOCODER_REACH_FRAMES)

/** The prompt's first tokens and just their frames: cut at its end, never at its start, where tokens and frames would part. */
function startOf(voice: VoicePrompt): VoicePrompt {
  const tokens = voice.tokens.subarray(0, PROMPT_TOKENS)
  const frames = FRAMES_PER_TOKEN * tokens.length
  return { ...voice, tokens, frames, mel: voice.mel.subarray(0, frames * MEL_BANDS) }
}

/** From what the last window would have said to what this one says; both are the same sound, so gains that add up to 1 keep its level. */
function crossFade(from: Float32Array, into: Float32Array): void {
  const length = Math.min(from.length, into.length)
  for (let sample = 0; sample < length; sample++) {
    const share = (sample + 1) / (length + 1)
    into[sample] = (1 - share) * (from[sample] ?? 0) + share * (into[sample] ?? 0)
  }
}
