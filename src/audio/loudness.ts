// Integrated loudness of mono samples after ITU-R BS.1770: K-weighted power of 400 ms blocks, gated twice.

/**
 * `itu`: the filters of the recommendation, for what people are told. `pyloudnorm`: those of the Python package of that
 * name, with which the models' reference recordings were normalised; it reads 0.04 to 0.13 LU lower on speech.
 */
export type LoudnessDesign = 'itu' | 'pyloudnorm'

interface Biquad {
  readonly b: readonly [number, number, number]
  /** a1 and a2; a0 is 1. */
  readonly a: readonly [number, number]
}

const BLOCK_SECONDS = 0.4
const OVERLAP = 0.75
const ABSOLUTE_GATE_LUFS = -70
const RELATIVE_GATE_LU = -10

/**
 * LUFS of mono samples; a full-scale 997 Hz sine reads −3.01. −∞ where there is nothing to measure: shorter than 0.4 s,
 * or no block over −70 LUFS.
 */
export function integratedLoudness(samples: Float32Array, sampleRate: number, design: LoudnessDesign): number {
  if (samples.length < BLOCK_SECONDS * sampleRate) return Number.NEGATIVE_INFINITY
  let weighted: Float64Array = Float64Array.from(samples)
  for (const filter of FILTERS[design](sampleRate)) weighted = filtered(weighted, filter)
  const powers = blockPowers(weighted, sampleRate, design)
  const loud = powers.filter((power) => toLufs(power) >= ABSOLUTE_GATE_LUFS)
  const relativeGate = toLufs(mean(loud)) + RELATIVE_GATE_LU
  return toLufs(mean(loud.filter((power) => toLufs(power) > relativeGate)))
}

/** Mean squares of blocks of 400 ms, a new one every 100 ms. */
function blockPowers(weighted: Float64Array, sampleRate: number, design: LoudnessDesign): number[] {
  const step = BLOCK_SECONDS * (1 - OVERLAP)
  const steps = (weighted.length / sampleRate - BLOCK_SECONDS) / step
  // pyloudnorm rounds, and so may add a block that is up to half a step short; the recommendation drops what is
  // incomplete.
  const blocks = 1 + (design === 'pyloudnorm' ? roundHalfEven(steps) : Math.floor(steps + 1e-9))
  return Array.from({ length: blocks }, (_, block) => {
    const start = Math.trunc(BLOCK_SECONDS * (block * (1 - OVERLAP)) * sampleRate)
    const end = Math.trunc(BLOCK_SECONDS * (block * (1 - OVERLAP) + 1) * sampleRate)
    let sum = 0
    for (const value of weighted.subarray(start, end)) sum += value * value
    return sum / (BLOCK_SECONDS * sampleRate)
  })
}

/** As numpy rounds. */
function roundHalfEven(value: number): number {
  const rounded = Math.round(value)
  return rounded - value === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded
}

const toLufs = (power: number) => -0.691 + 10 * Math.log10(power)

/** 0 of nothing, so that its loudness is −∞. */
function mean(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length
}

function filtered(samples: Float64Array, { b: [b0, b1, b2], a: [a1, a2] }: Biquad): Float64Array {
  const output = new Float64Array(samples.length)
  let [x1, x2, y1, y2] = [0, 0, 0, 0]
  for (let i = 0; i < samples.length; i++) {
    const x = samples[i] ?? 0
    const y = b0 * x + b1 * x1 + b2 * x2 - a1 * y1 - a2 * y2
    ;[x2, x1, y2, y1] = [x1, x, y1, y]
    output[i] = y
  }
  return output
}

const FILTERS: Readonly<Record<LoudnessDesign, (sampleRate: number) => readonly Biquad[]>> = {
  itu: (sampleRate) => [ituShelf(sampleRate), ituHighPass(sampleRate)],
  pyloudnorm: (sampleRate) => [cookbookShelf(sampleRate), cookbookHighPass(sampleRate)],
}

// The recommendation lists coefficients for 48 kHz only. These analogue values give exactly those there, and the same
// curve at any other rate (B. De Man, "Evaluation of Implementations of the EBU R128 Loudness Measurement", AES 2018).
function ituShelf(sampleRate: number): Biquad {
  const quality = 0.7071752369554196
  const high = 10 ** (3.999843853973347 / 20)
  const band = high ** 0.4996667741545416
  const k = Math.tan((Math.PI * 1681.974450955533) / sampleRate)
  const a0 = 1 + k / quality + k * k
  return {
    b: [
      (high + (band * k) / quality + k * k) / a0,
      (2 * (k * k - high)) / a0,
      (high - (band * k) / quality + k * k) / a0,
    ],
    a: [(2 * (k * k - 1)) / a0, (1 - k / quality + k * k) / a0],
  }
}

function ituHighPass(sampleRate: number): Biquad {
  const quality = 0.5003270373238773
  const k = Math.tan((Math.PI * 38.13547087602444) / sampleRate)
  const a0 = 1 + k / quality + k * k
  return { b: [1, -2, 1], a: [(2 * (k * k - 1)) / a0, (1 - k / quality + k * k) / a0] }
}

/** R. Bristow-Johnson's cookbook, high shelf: +4 dB, 1,500 Hz, Q 1/√2, as pyloudnorm chose them. */
function cookbookShelf(sampleRate: number): Biquad {
  const amplitude = 10 ** (4 / 40)
  const { cosine, alpha } = cookbookAngle(1500, Math.SQRT1_2, sampleRate)
  const slope = 2 * Math.sqrt(amplitude) * alpha
  const [up, down] = [amplitude + 1, amplitude - 1]
  const a0 = up - down * cosine + slope
  return {
    b: [
      (amplitude * (up + down * cosine + slope)) / a0,
      (-2 * amplitude * (down + up * cosine)) / a0,
      (amplitude * (up + down * cosine - slope)) / a0,
    ],
    a: [(2 * (down - up * cosine)) / a0, (up - down * cosine - slope) / a0],
  }
}

/** The cookbook's high pass: 38 Hz, Q 1/2. */
function cookbookHighPass(sampleRate: number): Biquad {
  const { cosine, alpha } = cookbookAngle(38, 0.5, sampleRate)
  const a0 = 1 + alpha
  return {
    b: [(1 + cosine) / 2 / a0, -(1 + cosine) / a0, (1 + cosine) / 2 / a0],
    a: [(-2 * cosine) / a0, (1 - alpha) / a0],
  }
}

function cookbookAngle(hertz: number, quality: number, sampleRate: number): { cosine: number; alpha: number } {
  const angle = (2 * Math.PI * hertz) / sampleRate
  return { cosine: Math.cos(angle), alpha: Math.sin(angle) / (2 * quality) }
}
