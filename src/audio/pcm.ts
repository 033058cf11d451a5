// Floating-point samples ↔ signed 16 bit, and joining byte blocks.

// 32768, not 32767, both ways: a 16 bit recording that is decoded and encoded again keeps its bytes (as FFmpeg does
// it).
const FULL_SCALE = 32768

/** Samples at full scale ±1 → signed 16 bit; rounds to nearest, clamps what is over full scale, NaN becomes 0. */
export function toInt16(samples: Float32Array): Int16Array<ArrayBuffer> {
  const pcm = new Int16Array(samples.length)
  for (let i = 0; i < samples.length; i++) {
    pcm[i] = Math.min(32767, Math.max(-32768, Math.round((samples[i] ?? 0) * FULL_SCALE)))
  }
  return pcm
}

/** The inverse of toInt16(), exact. */
export function fromInt16(pcm: Int16Array): Float32Array<ArrayBuffer> {
  return Float32Array.from(pcm, (value) => value / FULL_SCALE)
}

/** Signed 16 bit → little-endian bytes, whatever the byte order of the machine. */
export function toLittleEndian(pcm: Int16Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(pcm.length * 2)
  const view = new DataView(bytes.buffer)
  for (let i = 0; i < pcm.length; i++) view.setInt16(i * 2, pcm[i] ?? 0, true)
  return bytes
}

export function concatBytes(blocks: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const joined = new Uint8Array(blocks.reduce((length, block) => length + block.length, 0))
  let offset = 0
  for (const block of blocks) {
    joined.set(block, offset)
    offset += block.length
  }
  return joined
}

export function concatSamples(blocks: readonly Float32Array[]): Float32Array<ArrayBuffer> {
  const joined = new Float32Array(blocks.reduce((length, block) => length + block.length, 0))
  let offset = 0
  for (const block of blocks) {
    joined.set(block, offset)
    offset += block.length
  }
  return joined
}
