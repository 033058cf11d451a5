// What is wrong with a recording as the model of a voice, in words that the person who made it can act on. Every limit
// stands between what real recordings measured and what noises, tones and broken files did; both are named beside it.
// Measured were 5 people, 5 Flite and 8 eSpeak voices, the former with white and pink noise, hum, gain and overload
// added, and 60 signals that are no speech.
import { integratedLoudness } from './loudness.ts'
import { pitchStatistics, quantile, trackPitch } from './pitch.ts'
import { averageSpectrum } from './spectrum.ts'

export type RecordingProblemKind = 'too_short' | 'silent' | 'too_quiet' | 'no_speech' | 'clipped' | 'noisy'

export interface RecordingProblem {
  readonly kind: RecordingProblemKind
  /** A sentence or two: what it is, and what to do. */
  readonly advice: string
}

export interface RecordingCheck {
  readonly seconds: number
  /** ITU-R BS.1770; −∞ for silence. This and the following are of the first 15 seconds, without their constant part. */
  readonly loudnessLufs: number
  readonly peak: number
  /** Share of samples within 1 % of the peak: next to nothing, unless the wave was cut off there. */
  readonly clippedRatio: number
  /** Share of 10 ms frames with a pitch. */
  readonly voicedRatio: number
  /** Loud parts over quiet parts: about the signal-to-noise ratio of speech with pauses. */
  readonly levelRangeDb: number
  /** Why the recording cannot be used; empty if it can. */
  readonly problems: readonly RecordingProblem[]
  /** What would make the voice better. */
  readonly warnings: readonly RecordingProblem[]
}

/** Chatterbox insists on more than this. */
export const MIN_REFERENCE_SECONDS = 5
/** The models listen to so much of a recording and no more. */
export const LISTENED_SECONDS = 15

// −56 LUFS of 16 bit speech still has 40 dB over its rounding noise; below this a recording holds mostly the noise of
// its microphone.
const MIN_LOUDNESS_LUFS = -60
// Noises and clicks: 0.0 s. Speech: 2.9 s and more; with pink noise at 5 dB 0.8 s, at 0 dB 0.2 to 1.2 s; a creaky
// eSpeak voice 0.5 s.
const MIN_VOICED_SECONDS = 0.3
// Hums, tones, sirens, trains of clicks: up to 1.2 dB. Speech: 24 dB; with as much pink noise as speech 7.5 dB;
// overdriven by 30 dB 6.3 dB.
const MIN_LEVEL_RANGE_DB = 3
// One tone, however keyed or wavering: 0.99 of the power in five bins. Speech: at most 0.80 (a Flite voice with little
// above 1 kHz).
const MAX_POWER_IN_ONE_TONE = 0.95
const TONE_BINS_EACH_SIDE = 2
// Hums and tones: 0.00 semitones. People: 2.6 and more; synthesisers 0.2 and more, and a robot that keeps its pitch at
// least pauses (range 40 dB).
const MIN_PITCH_SPREAD_SEMITONES = 0.1
const PAUSING_LEVEL_RANGE_DB = 10
const PAUSING_VOICED_RATIO = 0.8
// Untouched recordings: 0.00005. Overdriven by 6 dB: 0.01 to 0.03, audible; by 12 dB: 0.11 to 0.14, harsh; by 20 dB:
// 0.35.
const MAX_CLIPPED_RATIO = 0.08
const NOTICEABLE_CLIPPED_RATIO = 0.001
// Under −20 dBFS nothing is clipped, but coarse samples often share the peak's value.
const MIN_CLIPPED_PEAK = 0.1
// People in quiet rooms: 24 dB and more; with noise at 20 dB 22 dB and more, at 10 dB 15 (pink) to 22 (white), at 5 dB
// 12 to 18.
const NOISY_LEVEL_RANGE_DB = 18

/** Judges mono samples at `sampleRate` Hz; about 10 ms for each of the first 15 seconds. */
export function checkRecording(samples: Float32Array, sampleRate: number): RecordingCheck {
  const seconds = samples.length / sampleRate
  const listened = withoutMean(samples.subarray(0, Math.round(LISTENED_SECONDS * sampleRate)))
  const track = trackPitch(listened, sampleRate)
  const pitch = pitchStatistics(track)
  const facts = {
    seconds,
    loudnessLufs: integratedLoudness(listened, sampleRate, 'itu'),
    peak: peakOf(listened),
    clippedRatio: clippedRatio(samples.subarray(0, listened.length)),
    voicedRatio: pitch?.voicedRatio ?? 0,
    levelRangeDb: levelRange(track.power),
  }
  const problems: RecordingProblem[] = []
  if (seconds <= MIN_REFERENCE_SECONDS) {
    problems.push({
      kind: 'too_short',
      advice: `The recording is ${seconds.toFixed(1)} seconds long and must be longer than 5.0. Send 6 to 15 seconds of one person speaking.`,
    })
  }
  const steadyPitch = (pitch?.spreadSemitones ?? 0) < MIN_PITCH_SPREAD_SEMITONES
  const pauses = facts.voicedRatio < PAUSING_VOICED_RATIO && facts.levelRangeDb > PAUSING_LEVEL_RANGE_DB
  const isSpeech =
    (pitch?.voicedSeconds ?? 0) >= MIN_VOICED_SECONDS &&
    facts.levelRangeDb >= MIN_LEVEL_RANGE_DB &&
    powerInOneTone(listened, sampleRate) <= MAX_POWER_IN_ONE_TONE &&
    (pauses || !steadyPitch)
  const unheard = unheardProblem(facts.loudnessLufs, facts.peak, isSpeech)
  if (unheard) problems.push(unheard)
  else if (facts.clippedRatio > MAX_CLIPPED_RATIO) {
    problems.push({
      kind: 'clipped',
      advice: `The recording is overdriven: ${percent(facts.clippedRatio)} of it is cut off at full scale. Record again with the microphone turned down or further away.`,
    })
  }
  return { ...facts, problems, warnings: problems.length > 0 ? [] : warningsOf(facts) }
}

/** Silence, too quiet and no speech exclude each other: the first that holds explains the others. */
function unheardProblem(loudnessLufs: number, peak: number, isSpeech: boolean): RecordingProblem | undefined {
  if (peak < 1e-4) {
    return {
      kind: 'silent',
      advice: 'The recording is silent in its first 15 seconds. Check the microphone, or cut the silence off.',
    }
  }
  if (loudnessLufs < MIN_LOUDNESS_LUFS) {
    return {
      kind: 'too_quiet',
      advice: 'The recording is too quiet to hear a voice in it. Record closer to the microphone, or turn it up.',
    }
  }
  if (isSpeech) return undefined
  return {
    kind: 'no_speech',
    advice:
      'No speech can be heard in the first 15 seconds, only noise, tones or clicks. Send 6 to 15 seconds of one person speaking in a quiet place.',
  }
}

function warningsOf({
  clippedRatio,
  levelRangeDb,
}: {
  clippedRatio: number
  levelRangeDb: number
}): RecordingProblem[] {
  const warnings: RecordingProblem[] = []
  if (clippedRatio > NOTICEABLE_CLIPPED_RATIO) {
    warnings.push({
      kind: 'clipped',
      advice: `${percent(clippedRatio)} of the recording is cut off at full scale, which the voice will take over. Turn the microphone down.`,
    })
  }
  if (levelRangeDb < NOISY_LEVEL_RANGE_DB) {
    warnings.push({
      kind: 'noisy',
      advice:
        'There is much noise or echo behind the speech, which the voice will take over. Record in a quieter place.',
    })
  }
  return warnings
}

const percent = (ratio: number) => `${(100 * ratio).toFixed(1)} %`

/** A constant part is inaudible, but it would look like level and hide the pauses. */
function withoutMean(samples: Float32Array): Float32Array {
  const mean = samples.reduce((sum, value) => sum + value, 0) / Math.max(1, samples.length)
  return samples.map((value) => value - mean)
}

function peakOf(samples: Float32Array): number {
  return samples.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
}

/** At any level: a recording that was clipped and then turned down is clipped all the same. */
function clippedRatio(samples: Float32Array): number {
  const peak = peakOf(samples)
  if (peak < MIN_CLIPPED_PEAK) return 0
  const near = samples.reduce((count, value) => count + (Math.abs(value) >= 0.99 * peak ? 1 : 0), 0)
  return near / samples.length
}

/** From the 10th to the 95th percentile of the frames' powers. */
function levelRange(power: Float32Array): number {
  const ascending = power.toSorted()
  // 1e-12 is −120 dBFS: digital silence between words counts as that.
  const level = (share: number) => 10 * Math.log10(quantile(ascending, share) + 1e-12)
  return level(0.95) - level(0.1)
}

/** Share of the power in the five bins around the strongest, which is all of a steady sine under a Hann window. */
function powerInOneTone(samples: Float32Array, sampleRate: number): number {
  const { power } = averageSpectrum(samples, sampleRate)
  const total = power.reduce((sum, value) => sum + value, 0)
  const strongest = power.indexOf(power.reduce((most, value) => Math.max(most, value), 0))
  const tone = power.subarray(Math.max(0, strongest - TONE_BINS_EACH_SIDE), strongest + TONE_BINS_EACH_SIDE + 1)
  return total === 0 ? 1 : tone.reduce((sum, value) => sum + value, 0) / total
}
