// Whether a file's header states how long it is, so that a file cut in half can be told from a short one.

const ID3_HEADER_BYTES = 10
// The longest MPEG audio frame; Xing, Info and VBRI headers lie in the first one.
const MAX_FRAME_BYTES = 2_881

/**
 * True if the duration that FFmpeg reports comes from the header: always for native FLAC; for MP3 if its first frame is
 * an info frame (else it is a guess from the file size and the first bit rate). Ogg states nothing; in WebM a guess
 * cannot be told from a statement.
 */
export function statesItsLength(bytes: Uint8Array, containerName: string): boolean {
  if (containerName === 'flac') return true
  if (containerName !== 'mp3') return false
  const start = id3Bytes(bytes)
  const firstFrame = Buffer.from(bytes.subarray(start, start + MAX_FRAME_BYTES))
  return ['Xing', 'Info', 'VBRI'].some((name) => firstFrame.includes(name, 0, 'latin1'))
}

/** Length of the ID3v2 tag in front, whose size is stored with 7 bits in a byte. */
function id3Bytes(bytes: Uint8Array): number {
  if (Buffer.from(bytes.subarray(0, 3)).toString('latin1') !== 'ID3') return 0
  return bytes.subarray(6, ID3_HEADER_BYTES).reduce((size, byte) => size * 128 + (byte & 127), 0) + ID3_HEADER_BYTES
}
