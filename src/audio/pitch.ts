// Fundamental frequency of speech, frame by frame: YIN's difference function gives candidates, a Viterbi path picks among
// them and "unvoiced". de Cheveigné & Kawahara, "YIN, a fundamental frequency estimator", JASA 111 (2002).

/** Pitch of a recording in frames of equal distance. */
export interface PitchTrack {
  /** Fundamental frequency of every frame; 0 where the frame is unvoiced. */
  readonly hz: Float32Array
  /** Mean square of every frame. */
  readonly power: Float32Array
  readonly hopSeconds: number
  /** Centre of the first frame. */
  readonly firstFrameSeconds: number
}

export interface PitchStatistics {
  readonly medianHz: number
  /** Half the distance between the 16th and the 84th percentile: one standard deviation of a normal distribution. */
  readonly spreadSemitones: number
  /** Voiced frames among all frames, silence included. */
  readonly voicedRatio: number
  readonly voicedSeconds: number
}

interface Candidate {
  readonly hz: number
  readonly cost: number
}

const LOWEST_HZ = 60
const HIGHEST_HZ = 480
const HOP_SECONDS = 0.01
const WINDOW_SECONDS = 0.04
/** Speech below 4 kHz holds all that pitch needs; the difference function costs the square of the rate. */
const ANALYSIS_HZ = 8000
/** Frames 40 dB below the loudest one are silence. */
const SILENCE_RATIO = 1e-4
/** Dips of the normalised difference above this are not periodic at all. */
const WORST_DIP = 0.5
const MAX_CANDIDATES = 6
// Costs of a Viterbi step, in units of the normalised difference.
const UNVOICED_COST = 0.32
const VOICING_CHANGE_COST = 0.12
const OCTAVE_JUMP_COST = 2
/** Per octave below the highest pitch: every multiple of a period repeats as well as the period itself. */
const SUBHARMONIC_COST = 0.02

/** Tracks the pitch (60–480 Hz, every 10 ms) of mono samples of any level. Shorter than 60 ms gives an empty track. */
export function trackPitch(samples: Float32Array, sampleRate: number): PitchTrack {
  const factor = Math.max(1, Math.floor(sampleRate / ANALYSIS_HZ))
  const signal = decimate(samples, factor)
  const rate = sampleRate / factor
  const window = Math.round(WINDOW_SECONDS * rate)
  const longestLag = Math.ceil(rate / LOWEST_HZ)
  const hop = HOP_SECONDS * rate
  const frames = Math.max(0, Math.floor((signal.length - window - longestLag - 1) / hop) + 1)

  const power = new Float32Array(frames)
  for (let frame = 0; frame < frames; frame++) power[frame] = meanSquare(signal, Math.round(frame * hop), window)
  const loudest = power.reduce((a, b) => Math.max(a, b), 0)
  const dips = new Float32Array(longestLag + 2)
  const candidates: Candidate[][] = []
  for (let frame = 0; frame < frames; frame++) {
    const audible = (power[frame] ?? 0) > loudest * SILENCE_RATIO
    candidates.push(audible ? findCandidates(signal, Math.round(frame * hop), window, rate, dips) : [])
  }
  return { hz: cheapestPath(candidates), power, hopSeconds: HOP_SECONDS, firstFrameSeconds: WINDOW_SECONDS / 2 }
}

/** Summary of a track; undefined where fewer than 0.2 s are voiced. Octave errors (beyond × 1.8 of the median) are left out. */
export function pitchStatistics(track: PitchTrack): PitchStatistics | undefined {
  const voiced = track.hz.filter((hz) => hz > 0).sort()
  if (voiced.length * track.hopSeconds < 0.2) return undefined
  const rough = quantile(voiced, 0.5)
  const kept = voiced.filter((hz) => hz > rough / 1.8 && hz < rough * 1.8)
  return {
    medianHz: quantile(kept, 0.5),
    spreadSemitones: 6 * Math.log2(quantile(kept, 0.84) / quantile(kept, 0.16)),
    voicedRatio: voiced.length / track.hz.length,
    voicedSeconds: voiced.length * track.hopSeconds,
  }
}

/** Pitch at a time in seconds, from the nearest frame; 0 where unvoiced or outside of the track. */
export function pitchAt(track: PitchTrack, seconds: number): number {
  return track.hz[Math.round((seconds - track.firstFrameSeconds) / track.hopSeconds)] ?? 0
}

/** Value below which a share of ascending values lies. */
export function quantile(ascending: Float32Array | Float64Array | readonly number[], share: number): number {
  return ascending[Math.min(ascending.length - 1, Math.floor(share * ascending.length))] ?? 0
}

/** Every `factor`-th sample after a low-pass at 0.8 of the new Nyquist frequency: Hann-windowed sinc, 16 lobes. */
function decimate(samples: Float32Array, factor: number): Float32Array {
  if (factor === 1) return samples
  const half = 8 * factor
  const taps = new Float32Array(2 * half + 1)
  let sum = 0
  for (let i = -half; i <= half; i++) {
    const angle = (Math.PI * 0.8 * i) / factor
    const tap = (i === 0 ? 1 : Math.sin(angle) / angle) * (0.5 + 0.5 * Math.cos((Math.PI * i) / (half + 1)))
    taps[i + half] = tap
    sum += tap
  }
  const out = new Float32Array(Math.floor((samples.length - 1) / factor) + 1)
  for (let n = 0; n < out.length; n++) {
    const start = n * factor - half
    const to = Math.min(taps.length, samples.length - start)
    let value = 0
    for (let k = Math.max(0, -start); k < to; k++) value += (samples[start + k] ?? 0) * (taps[k] ?? 0)
    out[n] = value / sum
  }
  return out
}

function meanSquare(signal: Float32Array, start: number, length: number): number {
  let sum = 0
  for (let i = start; i < start + length; i++) sum += (signal[i] ?? 0) ** 2
  return sum / length
}

/** Dips of YIN's cumulative-mean-normalised difference in one frame, the deepest first. */
function findCandidates(
  signal: Float32Array,
  start: number,
  window: number,
  rate: number,
  dips: Float32Array,
): Candidate[] {
  const longestLag = dips.length - 2
  const shortestLag = Math.max(2, Math.floor(rate / HIGHEST_HZ))
  dips[0] = 1
  let running = 0
  for (let lag = 1; lag <= longestLag + 1; lag++) {
    let difference = 0
    for (let i = start; i < start + window; i++) {
      const delta = (signal[i] ?? 0) - (signal[i + lag] ?? 0)
      difference += delta * delta
    }
    running += difference
    dips[lag] = running > 0 ? (difference * lag) / running : 1
  }
  const found: Candidate[] = []
  for (let lag = shortestLag; lag <= longestLag; lag++) {
    const [before, here, after] = [dips[lag - 1] ?? 1, dips[lag] ?? 1, dips[lag + 1] ?? 1]
    if (here >= before || here > after || here >= WORST_DIP) continue
    const curvature = before - 2 * here + after
    const offset = curvature > 0 ? (before - after) / (2 * curvature) : 0
    // The depth between two samples, not at the nearest one: else a multiple of the period that falls on a sample wins.
    const depth = Math.max(0, here - (offset * (before - after)) / 4)
    const hz = rate / (lag + offset)
    found.push({ hz, cost: depth + SUBHARMONIC_COST * Math.log2(HIGHEST_HZ / hz) })
  }
  return found.sort((a, b) => a.cost - b.cost).slice(0, MAX_CANDIDATES)
}

/** Viterbi over the candidates of every frame and the unvoiced state (0 Hz). */
function cheapestPath(frames: readonly (readonly Candidate[])[]): Float32Array {
  interface State {
    readonly hz: number
    readonly cost: number
    readonly from: State | undefined
  }
  let states: readonly State[] = [{ hz: 0, cost: 0, from: undefined }]
  for (const candidates of frames) {
    const choices = [{ hz: 0, cost: UNVOICED_COST }, ...candidates]
    states = choices.map(({ hz, cost }) => {
      let best: State | undefined
      let bestCost = Number.POSITIVE_INFINITY
      for (const state of states) {
        const total = state.cost + stepCost(state.hz, hz)
        if (total < bestCost) [best, bestCost] = [state, total]
      }
      return { hz, cost: bestCost + cost, from: best }
    })
  }
  const path = new Float32Array(frames.length)
  let state: State | undefined = states.reduce((a, b) => (b.cost < a.cost ? b : a))
  for (let frame = frames.length - 1; frame >= 0; frame--) {
    path[frame] = state?.hz ?? 0
    state = state?.from
  }
  return path
}

function stepCost(fromHz: number, toHz: number): number {
  if (fromHz > 0 && toHz > 0) return Math.min(1, Math.abs(Math.log2(toHz / fromHz)) * OCTAVE_JUMP_COST)
  return fromHz > 0 === toHz > 0 ? 0 : VOICING_CHANGE_COST
}
