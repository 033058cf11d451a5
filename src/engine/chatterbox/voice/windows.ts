// Analysis windows, as the original code makes them.

/** torch.hann_window(length): periodic, computed in float32 step by step, so it differs from the exact one by up to 6e-8. */
export function hannWindow(length: number): Float32Array<ArrayBuffer> {
  const step = Math.fround((2 * Math.PI) / length)
  return Float32Array.from({ length }, (_, i) => {
    const cosine = Math.fround(Math.cos(Math.fround(i * step)))
    return Math.fround(-0.5 * cosine) + 0.5
  })
}
