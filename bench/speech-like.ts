// A signal for measuring: sounds like nothing, but is loud enough to count as speech.
import { resample } from '../src/audio/resample.ts'
import { SAMPLE_RATE } from '../src/engine/chatterbox/decoder/frame-rates.ts'
import { makeNoise } from '../test/harness/synthetic-voice.ts'

/** Noise in syllables, at SAMPLE_RATE. */
export function makeSpeechLike(seconds: number): Float32Array {
  const noise = resample(makeNoise(seconds * 8000, 0.3), 8000, SAMPLE_RATE)
  return noise.map((sample, i) => sample * Math.sin((Math.PI * 4 * i) / SAMPLE_RATE) ** 2)
}
