// The head of a WAV file of 16 bit mono samples.

export interface WavHead {
  readonly sampleRate: number
  /** Where the samples begin, in bytes. */
  readonly dataAt: number
}

/** undefined: `bytes`, the first ones of the file, do not reach the samples. */
export function readWavHead(bytes: Uint8Array): WavHead | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const name = (at: number) => String.fromCharCode(...bytes.subarray(at, at + 4))
  let sampleRate = 0
  for (let at = 12; at + 8 <= bytes.length; at += 8 + view.getUint32(at + 4, true)) {
    if (name(at) === 'fmt ' && at + 16 <= bytes.length) sampleRate = view.getUint32(at + 12, true)
    if (name(at) === 'data') return { sampleRate, dataAt: at + 8 }
  }
  return undefined
}

/** Length of a WAV file of 16 bit mono samples, in seconds. */
export async function secondsOfWav(file: Blob): Promise<number> {
  const head = readWavHead(new Uint8Array(await file.slice(0, 4096).arrayBuffer()))
  return head ? (file.size - head.dataAt) / 2 / head.sampleRate : 0
}
