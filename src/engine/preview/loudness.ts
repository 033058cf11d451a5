// Loudness of a recording after ITU-R BS.1770: what matching aims at.

interface Biquad {
  readonly b: readonly [number, number, number]
  readonly a: readonly [number, number]
}

/** Integrated loudness in LUFS; −Infinity for silence and for less than 0.4 s. */
export function integratedLoudness(samples: Float32Array, sampleRate: number, _design: 'itu'): number {
  const weighted = kWeighting(sampleRate).reduce(applyBiquad, Float64Array.from(samples))
  const block = Math.round(0.4 * sampleRate)
  const powers: number[] = []
  for (let start = 0; start + block <= weighted.length; start += Math.round(0.1 * sampleRate)) {
    powers.push(weighted.subarray(start, start + block).reduce((sum, sample) => sum + sample * sample, 0) / block)
  }
  const audible = powers.filter((power) => lufs(power) >= -70)
  const gate = lufs(mean(audible)) - 10
  return audible.length === 0 ? Number.NEGATIVE_INFINITY : lufs(mean(audible.filter((power) => lufs(power) > gate)))
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length
const lufs = (power: number): number => -0.691 + 10 * Math.log10(power)

function kWeighting(sampleRate: number): Biquad[] {
  const shelf = Math.tan((Math.PI * 1681.9744509555319) / sampleRate)
  const [high, band] = [10 ** (3.99984385397 / 20), 10 ** ((3.99984385397 / 20) * 0.499666774155)]
  const q = 0.7071752369554193
  const a0 = 1 + shelf / q + shelf ** 2
  const pass = Math.tan((Math.PI * 38.13547087602444) / sampleRate)
  const p0 = 1 + pass / 0.5003270373238773 + pass ** 2
  return [
    {
      b: [
        (high + (band * shelf) / q + shelf ** 2) / a0,
        (2 * (shelf ** 2 - high)) / a0,
        (high - (band * shelf) / q + shelf ** 2) / a0,
      ],
      a: [(2 * (shelf ** 2 - 1)) / a0, (1 - shelf / q + shelf ** 2) / a0],
    },
    { b: [1, -2, 1], a: [(2 * (pass ** 2 - 1)) / p0, (1 - pass / 0.5003270373238773 + pass ** 2) / p0] },
  ]
}

function applyBiquad(samples: Float64Array, { b, a }: Biquad): Float64Array<ArrayBuffer> {
  let [x1, x2, y1, y2] = [0, 0, 0, 0]
  return Float64Array.from(samples, (x) => {
    const y = b[0] * x + b[1] * x1 + b[2] * x2 - a[0] * y1 - a[1] * y2
    x2 = x1
    x1 = x
    y2 = y1
    y1 = y
    return y
  })
}
