// Resonances of the vocal tract by linear prediction (Burg's method): their ratio between two speakers is the ratio of their
// vocal-tract lengths. Markel & Gray, Linear Prediction of Speech, 1976.
import { type PitchTrack, quantile } from './pitch.ts'
import { resample } from './resample.ts'

/** Four or five formants of an adult lie below 5 kHz: ten poles at 10 kHz. */
const ANALYSIS_HZ = 10_000
const POLES = 10
const FRAME_SAMPLES = 250
const PRE_EMPHASIS = 0.97
/** Enough for medians that repeat within 1 %; more frames only cost time. */
const MAX_FRAMES = 250
const WIDEST_HZ = 700
const EDGE_HZ = 150
const ROOT_ITERATIONS = 60

/** Median frequencies in Hz of the first four formants over the loud voiced frames; zeros where nothing is voiced. */
export function medianFormants(
  samples: Float32Array,
  sampleRate: number,
  track: PitchTrack,
): [number, number, number, number] {
  const signal = resample(samples, sampleRate, ANALYSIS_HZ)
  const loud = quantile(track.power.slice().sort(), 0.95) * 0.05
  const frames = [...track.hz.keys()].filter((i) => (track.hz[i] ?? 0) > 0 && (track.power[i] ?? 0) > loud)
  const every = Math.max(1, Math.ceil(frames.length / MAX_FRAMES))
  const found: [number[], number[], number[], number[]] = [[], [], [], []]
  for (const frame of frames.filter((_, i) => i % every === 0)) {
    const centre = Math.round((track.firstFrameSeconds + frame * track.hopSeconds) * ANALYSIS_HZ)
    const start = centre - FRAME_SAMPLES / 2
    if (start < 1 || start + FRAME_SAMPLES > signal.length) continue
    for (const [i, hz] of formantsOfFrame(signal, start).entries()) found[i]?.push(hz)
  }
  const [first, second, third, fourth] = found.map((values) =>
    quantile(
      values.sort((a, b) => a - b),
      0.5,
    ),
  )
  return [first ?? 0, second ?? 0, third ?? 0, fourth ?? 0]
}

/**
 * Coefficients a[0…order], a[0] = 1, of the prediction-error filter of a signal by Burg's method; 1 / A(z) is always stable.
 */
export function linearPrediction(signal: Float64Array, order: number): Float64Array {
  let forward = signal.slice()
  let backward = signal.slice()
  let coefficients = new Float64Array(order + 1)
  coefficients[0] = 1
  for (let stage = 1; stage <= order; stage++) {
    let product = 0
    let energy = 0
    for (let i = stage; i < signal.length; i++) {
      product += (forward[i] ?? 0) * (backward[i - 1] ?? 0)
      energy += (forward[i] ?? 0) ** 2 + (backward[i - 1] ?? 0) ** 2
    }
    const reflection = energy > 0 ? (-2 * product) / energy : 0
    coefficients = coefficients.map((a, i) => a + (i > stage ? 0 : reflection * (coefficients[stage - i] ?? 0)))
    const nextForward = forward.slice()
    const nextBackward = backward.slice()
    for (let i = stage; i < signal.length; i++) {
      nextForward[i] = (forward[i] ?? 0) + reflection * (backward[i - 1] ?? 0)
      nextBackward[i] = (backward[i - 1] ?? 0) + reflection * (forward[i] ?? 0)
    }
    forward = nextForward
    backward = nextBackward
  }
  return coefficients
}

function formantsOfFrame(signal: Float32Array, start: number): number[] {
  const frame = Float64Array.from({ length: FRAME_SAMPLES }, (_, i) => {
    const window = Math.exp(-12 * ((i - FRAME_SAMPLES / 2) / FRAME_SAMPLES) ** 2)
    return ((signal[start + i] ?? 0) - PRE_EMPHASIS * (signal[start + i - 1] ?? 0)) * window
  })
  return polynomialRoots(linearPrediction(frame, POLES))
    .filter(([, imaginary]) => imaginary > 0)
    .map(([real, imaginary]) => ({
      hz: (Math.atan2(imaginary, real) * ANALYSIS_HZ) / (2 * Math.PI),
      widthHz: (-Math.log(Math.hypot(real, imaginary)) * ANALYSIS_HZ) / Math.PI,
    }))
    .filter(({ hz, widthHz }) => hz > EDGE_HZ && hz < ANALYSIS_HZ / 2 - EDGE_HZ && widthHz < WIDEST_HZ)
    .map(({ hz }) => hz)
    .sort((a, b) => a - b)
    .slice(0, 4)
}

/** Roots [real, imaginary] of z^n + a[1] z^(n−1) + … + a[n], all at once (Durand–Kerner). */
function polynomialRoots(a: Float64Array): [number, number][] {
  const degree = a.length - 1
  const roots = Array.from({ length: degree }, (_, i): [number, number] => {
    const angle = (2 * Math.PI * i) / degree + 0.3
    return [0.9 * Math.cos(angle), 0.9 * Math.sin(angle)]
  })
  for (let iteration = 0; iteration < ROOT_ITERATIONS; iteration++) {
    let largestStep = 0
    for (const [i, root] of roots.entries()) {
      const [x, y] = root
      let [real, imaginary] = [1, 0]
      for (let k = 1; k <= degree; k++)
        [real, imaginary] = [real * x - imaginary * y + (a[k] ?? 0), imaginary * x + real * y]
      let [divisorReal, divisorImaginary] = [1, 0]
      for (const [j, [otherX, otherY]] of roots.entries()) {
        if (j === i) continue
        const [dx, dy] = [x - otherX, y - otherY]
        ;[divisorReal, divisorImaginary] = [
          divisorReal * dx - divisorImaginary * dy,
          divisorReal * dy + divisorImaginary * dx,
        ]
      }
      const norm = divisorReal ** 2 + divisorImaginary ** 2 || 1e-30
      const stepReal = (real * divisorReal + imaginary * divisorImaginary) / norm
      const stepImaginary = (imaginary * divisorReal - real * divisorImaginary) / norm
      root[0] = x - stepReal
      root[1] = y - stepImaginary
      largestStep = Math.max(largestStep, Math.abs(stepReal) + Math.abs(stepImaginary))
    }
    if (largestStep < 1e-7) break
  }
  return roots
}
