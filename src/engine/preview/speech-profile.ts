// What is measured of a recording to match a voice to it: pitch, vocal tract, colour and tempo.
import { medianFormants } from '../../audio/formants.ts'
import { type PitchTrack, pitchStatistics, quantile, trackPitch } from '../../audio/pitch.ts'
import { averageSpectrum, type PowerSpectrum } from '../../audio/spectrum.ts'

export interface SpeechProfile {
  readonly pitchHz: number
  readonly spreadSemitones: number
  /** Third and fourth formant: they tell the length of a vocal tract, the first two mostly which vowels were said. */
  readonly upperFormantsHz: readonly [number, number]
  readonly syllablesPerSecond: number
  readonly spectrum: PowerSpectrum
}

/** Undefined where hardly anything is voiced: no speech. */
export function profileSpeech(samples: Float32Array, sampleRate: number): SpeechProfile | undefined {
  const track = trackPitch(samples, sampleRate)
  const pitch = pitchStatistics(track)
  if (!pitch) return undefined
  const [, , third, fourth] = medianFormants(samples, sampleRate, track)
  return {
    pitchHz: pitch.medianHz,
    spreadSemitones: pitch.spreadSemitones,
    upperFormantsHz: [third, fourth],
    syllablesPerSecond: syllableRate(track),
    spectrum: averageSpectrum(samples, sampleRate),
  }
}

/**
 * Syllables per second of talking, pauses left out: voiced peaks of the smoothed level that stand 2 dB above the dip before
 * them. De Jong & Wempe, "Praat script to detect syllable nuclei", Behavior Research Methods 41 (2009).
 */
function syllableRate(track: PitchTrack): number {
  const level = smooth(Array.from(track.power, (power) => 10 * Math.log10(power + 1e-20)))
  const threshold =
    quantile(
      level.toSorted((a, b) => a - b),
      0.99,
    ) - 25
  let syllables = 0
  let talkingFrames = 0
  let dip = Number.POSITIVE_INFINITY
  for (const [i, here] of level.entries()) {
    if (here > threshold) talkingFrames++
    dip = Math.min(dip, here)
    const peak = here > threshold && here >= (level[i - 1] ?? here) && here > (level[i + 1] ?? here)
    if (!peak || !((track.hz[i] ?? 0) > 0) || here - dip <= 2) continue
    syllables++
    dip = here
  }
  return talkingFrames > 0 ? syllables / (talkingFrames * track.hopSeconds) : 0
}

/** Gaussian over ±30 ms. */
function smooth(level: readonly number[]): number[] {
  return level.map((_, i) => {
    let sum = 0
    let weights = 0
    for (let k = Math.max(0, i - 3); k <= Math.min(level.length - 1, i + 3); k++) {
      const weight = Math.exp(-((k - i) ** 2) / 6)
      sum += weight * (level[k] ?? 0)
      weights += weight
    }
    return sum / weights
  })
}
