import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createRealFft } from '../../src/audio/fft.ts'

test('a cosine of a whole number of periods lands in its own bin', () => {
  const fft = createRealFft(64)
  const signal = Float64Array.from({ length: 64 }, (_, i) => Math.cos((2 * Math.PI * 5 * i) / 64))
  const spectrum = fft.createSpectrum()
  fft.forward(signal, spectrum)
  for (let bin = 0; bin <= 32; bin++) {
    const magnitude = Math.hypot(spectrum[2 * bin] ?? 0, spectrum[2 * bin + 1] ?? 0)
    assert.ok(Math.abs(magnitude - (bin === 5 ? 32 : 0)) < 1e-9, `bin ${bin}: ${magnitude}`)
  }
})

test('the inverse gives the signal back', () => {
  const fft = createRealFft(256)
  const signal = Float64Array.from({ length: 256 }, (_, i) => Math.sin(i * i))
  const spectrum = fft.createSpectrum()
  const back = new Float64Array(256)
  fft.forward(signal, spectrum)
  fft.inverse(spectrum, back)
  for (let i = 0; i < 256; i++) assert.ok(Math.abs((back[i] ?? 0) - (signal[i] ?? 0)) < 1e-12)
})
