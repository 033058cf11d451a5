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

/** One mark per period, at the strongest peak near where the last one and the pitch predict it. */
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
    const expected = last?.voiced ? last.sample + period : undefined
    const start = Math.round(expected === undefined ? from : expected - 0.25 * period)
    const end = Math.min(
      samples.length - 1,
      Math.round(expected === undefined ? from + period : expected + 0.25 * period),
    )
    let sample = Math.min(start, samples.length - 1)
    let best = Number.NEGATIVE_INFINITY
    for (let i = start; i <= end; i++) {
      const surprise = expected === undefined ? 0 : Math.abs(i - expected) / period
      const score = polarity * (samples[i] ?? 0) * (1 - 0.6 * surprise)
      if (score > best) [best, sample] = [score, i]
    }
    marks.push({ sample, period, voiced: true })
    from = sample + Math.max(1, Math.round(0.6 * period))
  }
  return marks
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
