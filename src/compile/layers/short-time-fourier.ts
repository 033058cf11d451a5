// The vocoder's short-time Fourier transform and its inverse as convolutions: 16 samples a frame, 4 apart, under a periodic Hann window.
import type { Value } from '../onnx/graph.ts'
import { clip, concat, cos, exp, mul, pad, sin, slice, split } from '../onnx/operators.ts'
import { type Dimension, dimensionAt } from '../onnx/shapes.ts'
import { type FloatTensor, floatTensor } from '../tensor.ts'
import { conv1dWith } from './conv1d.ts'
import { upsamplingConv1d } from './upsampling-conv1d.ts'

const FRAME = 16
const HOP = 4
const FREQUENCIES = FRAME / 2 + 1
/** Channels of a spectrum: two numbers a frequency. */
export const SPECTRUM_CHANNELS = 2 * FREQUENCIES
/** The vocoder may not be louder than this at one frequency, whatever it predicts. */
const LARGEST_MAGNITUDE = 100

const hann = (sample: number): number => 0.5 - 0.5 * Math.cos((2 * Math.PI * sample) / FRAME)
const angle = (frequency: number, sample: number): number => (2 * Math.PI * frequency * sample) / FRAME

/** samples [1, 1, n] → [1, 18, n / 4 + 1]: nine real parts, then nine imaginary ones. torch.stft, centred, mirrored at both ends. */
export function shortTimeFourier(samples: Value): Value {
  const filters = rows('stft.filters', [SPECTRUM_CHANNELS, 1, FRAME], (channel, sample) => {
    const frequency = channel % FREQUENCIES
    const wave = channel < FREQUENCIES ? Math.cos(angle(frequency, sample)) : -Math.sin(angle(frequency, sample))
    return hann(sample) * wave
  })
  const mirrored = pad(samples, 2, FRAME / 2, FRAME / 2, 'reflect')
  return conv1dWith(mirrored, filters, undefined, { kernel: FRAME, stride: HOP })
}

/**
 * [1, 18, frames], nine log magnitudes and nine values whose sine is the phase → samples [1, 1, length], length = 4 (frames − 1).
 * As torch.istft: frames overlap and add, half a frame is cut off both ends, and the sum is divided by that of the squared windows.
 */
export function inverseShortTimeFourier(prediction: Value, length: Dimension): Value {
  const [logMagnitude, phaseSine] = split(prediction, [FREQUENCIES, FREQUENCIES], 1) as [Value, Value]
  const magnitude = clip(exp(logMagnitude), undefined, LARGEST_MAGNITUDE)
  const phase = sin(phaseSine)
  const spectrum = concat([mul(magnitude, cos(phase)), mul(magnitude, sin(phase))], 1)
  const waves = rows('istft.waves', [SPECTRUM_CHANNELS, 1, FRAME], (channel, sample) => {
    const frequency = channel % FREQUENCIES
    const wave = channel < FREQUENCIES ? Math.cos(angle(frequency, sample)) : -Math.sin(angle(frequency, sample))
    // A real signal has every frequency but the first and the last twice.
    const count = frequency === 0 || frequency === FRAME / 2 ? 1 : 2
    return (hann(sample) * wave * count) / FRAME / squaredWindows(0, FRAME)
  })
  const cut = FRAME / 2
  const added = upsamplingConv1d(spectrum, waves, undefined, { stride: HOP, padding: cut })
  return mendEnds({ ...added, shape: [1, 1, length] })
}

/** The first and the last four samples lie under three windows instead of four: their sum of squares is smaller. */
function mendEnds(samples: Value): Value {
  const { graph } = samples
  const gains = (name: string, missingFrom: number) =>
    graph.weight(
      name,
      floatTensor(name, [HOP], () =>
        Float32Array.from(
          { length: HOP },
          (_, sample) =>
            squaredWindows(sample, FRAME) / (squaredWindows(sample, FRAME) - hann(missingFrom + sample) ** 2),
        ),
      ),
    )
  const length = dimensionAt(samples.shape, 2)
  const first = mul(slice(samples, 2, 0, HOP, HOP), gains('istft.first', FRAME - HOP))
  const last = mul(slice(samples, 2, -HOP, Number.MAX_SAFE_INTEGER, HOP), gains('istft.last', 0))
  const mended = concat([first, slice(samples, 2, HOP, -HOP, 'inner samples'), last], 2)
  return { ...mended, shape: [1, 1, length] }
}

/** Sum of the squared windows over one sample, hop by hop: 1.5 everywhere. */
function squaredWindows(sample: number, end: number): number {
  let sum = 0
  for (let position = sample % HOP; position < end; position += HOP) sum += hann(position) ** 2
  return sum
}

const rows = (
  name: string,
  shape: readonly [number, number, number],
  value: (row: number, column: number) => number,
): FloatTensor =>
  floatTensor(name, shape, () =>
    Float32Array.from({ length: shape[0] * shape[2] }, (_, i) => value(Math.floor(i / shape[2]), i % shape[2])),
  )
