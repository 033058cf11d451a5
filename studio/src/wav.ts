/** Length of a WAV file of 16 bit mono samples, in seconds. */
export async function secondsOfWav(file: Blob): Promise<number> {
  const view = new DataView(await file.slice(0, 4096).arrayBuffer())
  const name = (at: number) => String.fromCharCode(...new Uint8Array(view.buffer, at, 4))
  let bytesPerSecond = 0
  for (let at = 12; at + 8 <= view.byteLength; at += 8 + view.getUint32(at + 4, true)) {
    if (name(at) === 'fmt ') bytesPerSecond = view.getUint32(at + 16, true)
    if (name(at) === 'data') return (file.size - at - 8) / bytesPerSecond
  }
  return 0
}
