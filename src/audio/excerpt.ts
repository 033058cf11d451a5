// The part of a long recording that makes the best voice: most speech, least of what spoils it. The models listen to 15 seconds and no
// more, and a recording rarely begins with its best ones.
import { quantile } from './pitch.ts'
import { checkRecording, LISTENED_SECONDS, type RecordingCheck } from './recording-check.ts'

export interface Excerpt {
  /** Of the recording: from `start` up to, not including, `end`. */
  readonly start: number
  readonly end: number
  readonly check: RecordingCheck
}

const FRAME_SECONDS = 0.02
const HOP_SECONDS = 2.5
/** An excerpt begins in a pause, where there is one this near: not in the middle of a word. */
const SNAP_SECONDS = 1.5
/** checkRecording() takes 150 ms for each, which five minutes of recording would multiply by a hundred. */
const CANDIDATES = 3
// Within any second speech has syllables and what is between them: 20 dB and more in a quiet room. Steady noise has 5, silence none.
const SPEECH_RANGE_DB = 30
const FRAMES_PER_SECOND = Math.round(1 / FRAME_SECONDS)
/** Under the loudest parts of the recording: a pause. */
const UNHEARD_DB = 35
const CLIPPED_FRAMES_WEIGHT = 4

/** Mono samples at `sampleRate` Hz. A recording of at most 15 seconds is its own excerpt. */
export function chooseExcerpt(samples: Float32Array, sampleRate: number): Excerpt {
  const length = Math.round(LISTENED_SECONDS * sampleRate)
  if (samples.length <= length) return { start: 0, end: samples.length, check: checkRecording(samples, sampleRate) }
  const frame = Math.round(FRAME_SECONDS * sampleRate)
  const frames = measureFrames(samples, frame)
  const framesPerExcerpt = Math.floor(length / frame)
  const hop = Math.round(HOP_SECONDS / FRAME_SECONDS)
  const last = frames.levelDb.length - framesPerExcerpt
  const starts = [...new Set([...Array(Math.ceil(last / hop) + 1).keys()].map((i) => Math.min(i * hop, last)))]
  const best = starts
    .map((at) => snapToPause(frames.levelDb, at, last))
    .map((at) => ({ at, score: scoreOf(frames, at, framesPerExcerpt) }))
    .sort((a, b) => b.score - a.score || a.at - b.at)
    .slice(0, CANDIDATES)
    .map(({ at }) => {
      const start = at * frame
      const end = start + length
      return { start, end, check: checkRecording(samples.subarray(start, end), sampleRate) }
    })
  // Warnings decide nothing: a little silence at an end would hide the noise in the rest.
  return best.reduce((least, excerpt) =>
    excerpt.check.problems.length < least.check.problems.length ? excerpt : least,
  )
}

interface Frames {
  readonly levelDb: Float32Array
  readonly clipped: Uint8Array
  readonly heardDb: number
}

function measureFrames(samples: Float32Array, frame: number): Frames {
  const count = Math.floor(samples.length / frame)
  const peak = samples.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
  const levelDb = new Float32Array(count)
  const clipped = new Uint8Array(count)
  for (let i = 0; i < count; i++) {
    let sum = 0
    let atPeak = 0
    for (let j = i * frame; j < (i + 1) * frame; j++) {
      const value = Math.abs(samples[j] ?? 0)
      sum += value * value
      if (value >= 0.99 * peak) atPeak++
    }
    levelDb[i] = 10 * Math.log10(sum / frame + 1e-12)
    // One sample at the peak is a peak, three of them in 20 ms were cut off there.
    clipped[i] = atPeak >= 3 ? 1 : 0
  }
  return { levelDb, clipped, heardDb: quantile(levelDb.toSorted(), 0.95) - UNHEARD_DB }
}

/** How much speech there is second by second – the range of its level, where it is heard – less what is cut off. */
function scoreOf({ levelDb, clipped, heardDb }: Frames, at: number, count: number): number {
  let score = 0
  for (let from = at; from + FRAMES_PER_SECOND <= at + count; from += FRAMES_PER_SECOND) {
    const ascending = levelDb.slice(from, from + FRAMES_PER_SECOND).sort()
    const rangeDb = quantile(ascending, 0.9) - quantile(ascending, 0.1)
    // A second in which silence ends has more range than any of speech.
    const heard = ascending.reduce((sum, level) => sum + (level > heardDb ? 1 : 0), 0)
    score += (Math.min(SPEECH_RANGE_DB, rangeDb) / SPEECH_RANGE_DB) * heard
  }
  const cutOff = clipped.subarray(at, at + count).reduce((sum, value) => sum + value, 0)
  return (score - CLIPPED_FRAMES_WEIGHT * cutOff) / count
}

/** The quietest frame around `at`. */
function snapToPause(levelDb: Float32Array, at: number, last: number): number {
  const reach = Math.round(SNAP_SECONDS / 2 / FRAME_SECONDS)
  let quietest = at
  for (let i = Math.max(0, at - reach); i <= Math.min(last, at + reach); i++) {
    if ((levelDb[i] ?? 0) < (levelDb[quietest] ?? 0)) quietest = i
  }
  return quietest
}
