// The info frame of an MP3 file: a silent frame in which LAME's tag tells a player what to cut off. Offsets as LAME
// 3.100 writes them (libmp3lame/VbrTag.c; http://gabriel.mp3-tech.org/mp3infotag.html).

/** The whole file, as it is known at the end. */
export interface Mp3Totals {
  /** MPEG frames, the info frame not counted. */
  readonly frames: number
  /** Bytes of those frames. */
  readonly bytes: number
  /** Samples after the content, up to the end of the last frame. */
  readonly padding: number
  /** crc16() over those bytes. */
  readonly crc: number
}

const FRAMES_AND_BYTES = 0x3
const TABLE_OF_CONTENTS = 0x4

/** What the first four bytes of a constant bit rate stream of LAME's say, and what follows from it. */
export interface Mp3StreamFacts {
  readonly header: Uint8Array
  readonly sampleRate: number
  readonly kilobitsPerSecond: number
  readonly encoderDelay: number
}

/** MPEG-1 (32 kHz and more) has two granules of 576 samples in a frame, MPEG-2 and 2.5 have one. */
export const samplesPerFrame = (sampleRate: number) => (sampleRate < 32_000 ? 576 : 1152)

/** Mean length of a frame, padding included; not a whole number at every rate. */
export const bytesPerFrame = ({ sampleRate, kilobitsPerSecond }: Mp3StreamFacts) =>
  (samplesPerFrame(sampleRate) * kilobitsPerSecond * 125) / sampleRate

/**
 * Below about 64 kbit/s a frame is too short for the tag, and LAME leaves it out as well: such a file begins and ends with up to two frames
 * of silence more.
 */
export const hasRoomForInfo = (stream: Mp3StreamFacts): boolean =>
  Math.floor(bytesPerFrame(stream)) >= infoAt(stream) + 147

/** Past the header and the side information of a mono frame. */
const infoAt = ({ sampleRate }: Mp3StreamFacts): number => 4 + (sampleRate < 32_000 ? 9 : 17)

/**
 * Without totals it gives the delay alone: a stream starts at the right sample and ends up to two frames late, in
 * silence.
 */
export function mp3InfoFrame(stream: Mp3StreamFacts, totals: Mp3Totals | undefined): Uint8Array<ArrayBuffer> {
  const frame = Buffer.alloc(Math.floor(bytesPerFrame(stream)))
  frame.set(stream.header)
  frame[2] = (stream.header[2] ?? 0) & ~0x02 // no padding byte in this frame
  let at = infoAt(stream) // the side information is all zero: silence
  at += frame.write('Info', at, 'latin1') // the name for constant bit rate; `Xing` is for variable
  at = frame.writeUInt32BE(totals ? FRAMES_AND_BYTES | TABLE_OF_CONTENTS : 0, at)
  if (totals) {
    at = frame.writeUInt32BE(totals.frames, at)
    at = frame.writeUInt32BE(totals.bytes + frame.length, at)
    for (let percent = 0; percent < 100; percent++) frame[at++] = Math.floor((percent * 256) / 100)
  }
  at += frame.write('LAME3.100', at, 'latin1')
  frame[at] = 1 // revision 0, constant bit rate
  frame[at + 11] = Math.min(stream.kilobitsPerSecond, 255)
  frame.writeUIntBE((stream.encoderDelay << 12) | (totals?.padding ?? 0), at + 12, 3)
  if (totals) {
    frame.writeUInt32BE(totals.bytes + frame.length, at + 19)
    frame.writeUInt16BE(totals.crc, at + 23)
  }
  frame.writeUInt16BE(crc16(frame.subarray(0, at + 25)), at + 25)
  return new Uint8Array(frame)
}

/** CRC-16/ARC, to be continued from `crc`. */
export function crc16(bytes: Uint8Array, crc = 0): number {
  let value = crc
  for (const byte of bytes) {
    value ^= byte
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >> 1) ^ 0xa001 : value >> 1
  }
  return value
}
