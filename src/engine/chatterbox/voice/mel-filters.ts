// Slaney mel filters as librosa makes them (htk=False, norm='slaney'), bit for bit: the model's front ends were trained with them.

/** Hz per mel below 1 kHz; above, the scale is logarithmic with 27 steps per factor of 6.4. */
const LINEAR_HZ = 200 / 3
const LOG_BEGIN_HZ = 1000
const LOG_BEGIN_MEL = LOG_BEGIN_HZ / LINEAR_HZ
const LOG_STEP = Math.log(6.4) / 27

const hzToMel = (hz: number): number =>
  hz >= LOG_BEGIN_HZ ? LOG_BEGIN_MEL + Math.log(hz / LOG_BEGIN_HZ) / LOG_STEP : hz / LINEAR_HZ

const melToHz = (mel: number): number =>
  mel >= LOG_BEGIN_MEL ? LOG_BEGIN_HZ * Math.exp(LOG_STEP * (mel - LOG_BEGIN_MEL)) : LINEAR_HZ * mel

export interface MelFilterOptions {
  readonly sampleRate: number
  readonly fftSize: number
  readonly channels: number
  /** Upper edge of the highest filter, in Hz; the lowest begins at 0. */
  readonly highestHz: number
}

/** Triangular filters of equal area: float32 [channels, fftSize / 2 + 1]. */
export function melFilters({ sampleRate, fftSize, channels, highestHz }: MelFilterOptions): Float32Array<ArrayBuffer> {
  const bins = fftSize / 2 + 1
  const highestMel = hzToMel(highestHz)
  const edges = Array.from({ length: channels + 2 }, (_, i) =>
    melToHz(i === channels + 1 ? highestMel : i * (highestMel / (channels + 1))),
  )
  const binHz = 1 / (fftSize * (1 / sampleRate))
  const filters = new Float32Array(channels * bins)
  for (let channel = 0; channel < channels; channel++) {
    const [low = 0, center = 0, high = 0] = edges.slice(channel, channel + 3)
    const area = 2 / (high - low)
    for (let bin = 0; bin < bins; bin++) {
      const hz = bin * binHz
      const rising = -(low - hz) / (center - low)
      const falling = (high - hz) / (high - center)
      const height = Math.min(rising, falling)
      // Rounded twice, as librosa does: the triangle, then the triangle times its area. A -0 stays one.
      filters[channel * bins + bin] = height >= 0 ? Math.fround(height) * area : 0
    }
  }
  return filters
}
