// Another pitch for recorded speech, its resonances and its length kept: TD-PSOLA cuts one grain of two periods around every
// pitch mark and adds the grains up at the new distance. Moulines & Charpentier, Speech Communication 9 (1990).
import { type PitchTrack, pitchAt } from './pitch.ts'

interface PitchMark {
  readonly sample: number
  /** Distance to the next mark: a period where voiced, else a fixed step. */
  readonly period: number
  readonly voiced: boolean
}

/** Unvoiced sound is copied in grains this far apart; shorter than a plosive's burst. */
const UNVOICED_STEP_SECONDS = 0.005
/** Grains that overlap less than this much are not raised to full level: that would turn gaps into buzz. */
const LEAST_OVERLAP = 0.6
/** How much likeness a mark must gain to stray from where the pitch expects it: a quarter per 25 % of a period. */
const SURPRISE_COST = 1

/**
 * Moves the pitch of mono samples: `targetHz` gets the pitch of a voiced place and gives the wanted one, half to double of it
 * in good quality. `track` is the pitch of these very samples. The result is as long as the input.
 */
export function changePitch(
  samples: Float32Array,
  sampleRate: number,
  track: PitchTrack,
  targetHz: (hz: number) => number,
): Float32Array<ArrayBuffer> {
  const marks = markPitch(samples, sampleRate, track)
  const output = new Float32Array(samples.length)
  const overlap = new Float32Array(samples.length)
  let nearest = 0
  let place = marks[0]?.sample ?? samples.length
  while (place < samples.length) {
    while (distance(marks[nearest + 1], place) <= distance(marks[nearest], place)) nearest++
    const mark = marks[nearest]
    if (!mark) break
    addGrain(samples, mark, Math.round(place), output, overlap)
    const hz = mark.voiced ? pitchAt(track, place / sampleRate) : 0
    place += hz > 0 ? sampleRate / targetHz(hz) : UNVOICED_STEP_SECONDS * sampleRate
  }
  for (let i = 0; i < output.length; i++) output[i] = (output[i] ?? 0) / Math.max(LEAST_OVERLAP, overlap[i] ?? 0)
  return output
}

function distance(mark: PitchMark | undefined, place: number): number {
  return mark ? Math.abs(mark.sample - place) : Number.POSITIVE_INFINITY
}

/**
 * One mark per period: the first of a voiced stretch at its strongest peak, every other where the signal looks most like it did
 * around the mark before. Peaks alone jump between the two halves of a period: pitch then jitters.
 */
function markPitch(samples: Float32Array, sampleRate: number, track: PitchTrack): PitchMark[] {
  const polarity = strongerPolarity(samples)
  const unvoicedStep = Math.round(UNVOICED_STEP_SECONDS * sampleRate)
  const marks: PitchMark[] = []
  let from = 0
  while (from < samples.length) {
    const hz = pitchAt(track, from / sampleRate)
    if (hz <= 0) {
      marks.push({ sample: from, period: unvoicedStep, voiced: false })
      from += unvoicedStep
      continue
    }
    const period = sampleRate / hz
    const last = marks.at(-1)
    const sample = last?.voiced
      ? mostSimilar(samples, last.sample, period)
      : highest(samples, polarity, from, Math.min(samples.length, Math.round(from + period)))
    marks.push({ sample, period, voiced: true })
    from = sample + Math.max(1, Math.round(0.6 * period))
  }
  return marks
}

function highest(samples: Float32Array, polarity: number, from: number, to: number): number {
  let best = from
  for (let i = from; i < to; i++) if (polarity * (samples[i] ?? 0) > polarity * (samples[best] ?? 0)) best = i
  return best
}

/** The place about one period after `last` around which the samples correlate best with those around `last`. */
function mostSimilar(samples: Float32Array, last: number, period: number): number {
  const half = Math.round(period / 2)
  let best = Math.round(last + period)
  let bestScore = Number.NEGATIVE_INFINITY
  for (let place = Math.round(last + 0.8 * period); place <= last + 1.2 * period; place++) {
    let product = 0
    let energy = 1e-9
    for (let i = -half; i <= half; i++) {
      const sample = samples[place + i] ?? 0
      product += sample * (samples[last + i] ?? 0)
      energy += sample * sample
    }
    const surprise = Math.abs(place - last - period) / period
    const score = (product / Math.sqrt(energy)) * (1 - SURPRISE_COST * surprise)
    if (score > bestScore) [best, bestScore] = [place, score]
  }
  return Math.min(best, samples.length - 1)
}

/** 1 or −1: on which side the glottal pulses of this recording stand out. */
function strongerPolarity(samples: Float32Array): number {
  let highest = 0
  let lowest = 0
  for (const sample of samples) {
    if (sample > highest) highest = sample
    if (sample < lowest) lowest = sample
  }
  return highest >= -lowest ? 1 : -1
}

function addGrain(
  samples: Float32Array,
  mark: PitchMark,
  place: number,
  output: Float32Array,
  overlap: Float32Array,
): void {
  const half = Math.round(mark.period)
  const from = Math.max(-half, -mark.sample, -place)
  const to = Math.min(half, samples.length - 1 - mark.sample, output.length - 1 - place)
  for (let i = from; i <= to; i++) {
    const weight = 0.5 + 0.5 * Math.cos((Math.PI * i) / half)
    output[place + i] = (output[place + i] ?? 0) + weight * (samples[mark.sample + i] ?? 0)
    overlap[place + i] = (overlap[place + i] ?? 0) + weight
  }
}
