// Flite's 16 kHz speech → the matched voice at 24 kHz: pitch, then vocal tract by resampling, then the band that Flite lacks,
// then colour and level. No vocoder anywhere: what Flite's voices already lost by one, a second would lose again.
import { applyFilter, designFilter } from '../../audio/fir.ts'
import { pitchStatistics, trackPitch } from '../../audio/pitch.ts'
import { changePitch } from '../../audio/psola.ts'
import { resample } from '../../audio/resample.ts'
import { THIRD_OCTAVES_HZ } from '../../audio/spectrum.ts'
import { invariant } from '../../errors.ts'
import { BASE_VOICES, type BaseVoice } from './base-voices.ts'
import { FLITE_SAMPLE_RATE, type Flite } from './flite.ts'
import type { VoicePlan } from './voice-plan.ts'

export const PREVIEW_SAMPLE_RATE = 24_000

/** Flite's contour has a standard deviation in Hz of this share of what it is asked for: slt and awb, 20–90 Hz asked. */
const DEVIATION_HONOURED = 0.418
/** Its median lies above the asked mean by this share of the asked deviation. */
const MEDIAN_ABOVE_MEAN = 0.06
const SENTENCE_PITCH_KEPT = 0.3
/** Voices rise further above their median than they fall below it (5 recordings: 84th to 16th percentile 4.3 to 3.0 semitones). */
const RANGE_ABOVE = 1.2
const RANGE_BELOW = 0.8
const LOWEST_HZ = 50
const HIGHEST_HZ = 500
const EQUALIZER_TAPS = 511
const EXTENSION_TAPS = 255
/** The band just below Flite's upper end is copied this much higher: sounds like breath and fricatives go up there. */
const EXTENSION_SHIFT_HZ = 3800
const EXTENSION_LEVEL = 0.5
/** Flite's voices end at 7.1 kHz, not at their Nyquist frequency of 8 kHz. */
const FLITE_BAND = 0.885
/** Above this the limiter bends, below it changes nothing. */
const LIMITER_KNEE = 0.8
const LIMITER_CEILING = 0.98

export function findBaseVoice(name: VoicePlan['base']): BaseVoice {
  const base = BASE_VOICES.find((voice) => voice.name === name)
  invariant(base, `no base voice ${name}`)
  return base
}

/** Speaks at the plan's pitch and tempo, still with the base voice's tract and colour; at FLITE_SAMPLE_RATE. */
export function speakBase(
  flite: Flite,
  utterances: readonly string[],
  plan: Pick<VoicePlan, 'base' | 'durationStretch' | 'pitchHz' | 'spreadSemitones'>,
): Float32Array {
  const { durationStretch, pitchHz, spreadSemitones } = plan
  const base = findBaseVoice(plan.base)
  if (base.nativePitch) {
    const deviationHz = clamp((pitchHz * (2 ** (spreadSemitones / 12) - 1)) / DEVIATION_HONOURED, 8, 95)
    const meanHz = pitchHz - MEDIAN_ABOVE_MEAN * deviationHz
    return flite(utterances, { voice: base.name, durationStretch, pitch: { meanHz, deviationHz } })
  }
  const samples = flite(utterances, { voice: base.name, durationStretch })
  const track = trackPitch(samples, FLITE_SAMPLE_RATE)
  const middleHz = pitchStatistics(track)?.medianHz ?? base.pitchHz
  // Some sentences lie higher than others: of that a part is kept, but it is not stretched as the contour inside them is.
  const centreHz = pitchHz * clamp((middleHz / base.pitchHz) ** SENTENCE_PITCH_KEPT, 0.97, 1.03)
  const range = clamp(spreadSemitones / base.spreadSemitones, 0.5, 2.2)
  return changePitch(samples, FLITE_SAMPLE_RATE, track, (hz) => {
    const side = hz > middleHz ? RANGE_ABOVE : RANGE_BELOW
    return clamp(centreHz * (hz / middleHz) ** (range * side), LOWEST_HZ, HIGHEST_HZ)
  })
}

/** Moves the formants and fills the band above Flite's: 16 kHz base speech → 24 kHz. */
export function shapeTract(base: Float32Array, tractPercent: number): Float32Array {
  const scale = tractPercent / 100
  return extendBand(resample(base, (FLITE_SAMPLE_RATE * tractPercent) / 100, PREVIEW_SAMPLE_RATE), 8000 * scale)
}

/** Gain (linear) over frequency of third-octave gains in dB, smooth between the centres and flat outside of them. */
export function equalizerCurve(gainsDb: ArrayLike<number>): (hz: number) => number {
  const last = THIRD_OCTAVES_HZ.length - 1
  return (hz) => {
    const above = THIRD_OCTAVES_HZ.findIndex((centre) => centre >= hz)
    if (above <= 0) return decibels(gainsDb[above === 0 ? 0 : last] ?? 0)
    const [low, high] = [THIRD_OCTAVES_HZ[above - 1] ?? hz, THIRD_OCTAVES_HZ[above] ?? hz]
    const share = 0.5 - 0.5 * Math.cos((Math.PI * Math.log(hz / low)) / Math.log(high / low))
    const [from, to] = [gainsDb[above - 1] ?? 0, gainsDb[above] ?? 0]
    return decibels(from + (to - from) * share)
  }
}

/** Gives shaped speech its colour, level and limit: the last step, never beyond ±0.98. */
export function finishSpeech(shaped: Float32Array, plan: Pick<VoicePlan, 'equalizer' | 'gain'>): Float32Array {
  const filter = designFilter(EQUALIZER_TAPS, PREVIEW_SAMPLE_RATE, equalizerCurve(plan.equalizer))
  const samples = applyFilter(shaped, filter)
  for (let i = 0; i < samples.length; i++) samples[i] = limit((samples[i] ?? 0) * plan.gain)
  return samples
}

export function decibels(gainDb: number): number {
  return 10 ** (gainDb / 20)
}

export function clamp(value: number, least: number, most: number): number {
  return Math.max(least, Math.min(most, value))
}

function limit(sample: number): number {
  const size = Math.abs(sample)
  if (size <= LIMITER_KNEE) return sample
  const room = LIMITER_CEILING - LIMITER_KNEE
  return Math.sign(sample) * (LIMITER_KNEE + room * Math.tanh((size - LIMITER_KNEE) / room))
}

/** Copies the 3.8 kHz below `edgeHz`, where the signal ends, to above it by modulation, and keeps the upper sideband. */
function extendBand(samples: Float32Array, edgeHz: number): Float32Array {
  const end = Math.min(FLITE_BAND * edgeHz, 10_500)
  const from = end - EXTENSION_SHIFT_HZ - 300
  const to = Math.min(end, PREVIEW_SAMPLE_RATE / 2 - 200 - EXTENSION_SHIFT_HZ)
  const source = applyFilter(samples, band(from, to))
  const step = (2 * Math.PI * EXTENSION_SHIFT_HZ) / PREVIEW_SAMPLE_RATE
  for (let i = 0; i < source.length; i++) source[i] = (source[i] ?? 0) * 2 * Math.cos(step * i)
  const added = applyFilter(source, band(end, PREVIEW_SAMPLE_RATE))
  return added.map((value, i) => (samples[i] ?? 0) + EXTENSION_LEVEL * value)
}

function band(fromHz: number, toHz: number): Float32Array {
  return designFilter(EXTENSION_TAPS, PREVIEW_SAMPLE_RATE, (hz) => (hz >= fromHz && hz <= toHz ? 1 : 0))
}
