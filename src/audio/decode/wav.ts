// WAV files → mono samples: PCM of 8 to 32 bits, 32 and 64 bit float, A-law, µ-law. Compressed WAVs are refused by
// name, never guessed.
import { AudioInputError } from '../audio-input-error.ts'
import { checkLength, checkShape, type Recording, scrub } from '../recording.ts'
import { findWavLayout, type WavLayout } from './wav-header.ts'

type ReadSample = (view: DataView, offset: number) => number

const PCM = 1
const FLOAT = 3
const A_LAW = 6
const MU_LAW = 7

const FORMAT_NAMES: Readonly<Record<number, string>> = {
  2: 'Microsoft ADPCM',
  17: 'IMA ADPCM',
  49: 'GSM 6.10',
  80: 'MPEG',
  85: 'MP3',
  255: 'AAC',
  353: 'WMA',
}

// A cut upload loses far more, a writer that counts its header or a half-written last block far less: 20 ms may be
// missing unremarked.
const FORGIVEN_SECONDS = 0.02

/**
 * Reads a WAV file as a whole; samples are exact (integers divided by their full scale), channels are averaged. Throws
 * AudioInputError.
 */
export function decodeWav(bytes: Uint8Array, maxSeconds: number): Recording {
  const layout = findWavLayout(bytes)
  const { channels, sampleRate, blockAlign, dataOffset } = layout
  checkShape(sampleRate, channels)
  const { read, bytesPerSample } = sampleReader(layout)
  if (blockAlign !== bytesPerSample * channels) {
    throw new AudioInputError('corrupt', 'The WAV header contradicts itself: its block size does not fit its format.')
  }
  checkTruncation(layout)
  const frames = Math.floor(layout.dataBytes / blockAlign)
  checkLength(frames, sampleRate, maxSeconds)
  const samples = new Float32Array(frames)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  for (let i = 0, offset = dataOffset; i < frames; i++) {
    let sum = 0
    for (let c = 0; c < channels; c++, offset += bytesPerSample) sum += scrub(read(view, offset))
    samples[i] = sum / channels
  }
  return { samples, sampleRate, container: 'wav' }
}

function sampleReader({ formatTag, bitsPerSample }: WavLayout): { read: ReadSample; bytesPerSample: number } {
  const bytesPerSample = Math.ceil(bitsPerSample / 8)
  const read = readerOf(formatTag, bitsPerSample, bytesPerSample)
  if (read) return { read, bytesPerSample }
  const name = FORMAT_NAMES[formatTag] ?? `format ${formatTag}`
  throw new AudioInputError(
    'unsupported',
    `The WAV file holds ${name} with ${bitsPerSample} bits; convert it to 16 bit PCM.`,
  )
}

function readerOf(formatTag: number, bitsPerSample: number, bytesPerSample: number): ReadSample | undefined {
  if (formatTag === PCM && bitsPerSample > 0) return PCM_READERS[bytesPerSample]
  if (formatTag === FLOAT && bitsPerSample === 32) return (view, offset) => view.getFloat32(offset, true)
  if (formatTag === FLOAT && bitsPerSample === 64) return (view, offset) => view.getFloat64(offset, true)
  if (formatTag === A_LAW && bitsPerSample === 8) return (view, offset) => expandALaw(view.getUint8(offset))
  if (formatTag === MU_LAW && bitsPerSample === 8) return (view, offset) => expandMuLaw(view.getUint8(offset))
  return undefined
}

/**
 * By bytes per sample. Odd widths (12, 20 bits) sit at the top of their bytes, so that the full scale is that of the
 * bytes.
 */
const PCM_READERS: Readonly<Record<number, ReadSample>> = {
  1: (view, offset) => (view.getUint8(offset) - 128) / 128,
  2: (view, offset) => view.getInt16(offset, true) / 32768,
  3: (view, offset) => (view.getInt8(offset + 2) * 65536 + view.getUint16(offset, true)) / 8388608,
  4: (view, offset) => view.getInt32(offset, true) / 2147483648,
}

/** ITU-T G.711: sign, 3 bits of exponent, 4 of mantissa, every other bit inverted. */
function expandALaw(code: number): number {
  const bits = code ^ 0x55
  const exponent = (bits >> 4) & 7
  const mantissa = ((bits & 15) << 4) + 8
  const magnitude = exponent === 0 ? mantissa : (mantissa + 0x100) << (exponent - 1)
  return (bits & 0x80 ? magnitude : -magnitude) / 32768
}

/** ITU-T G.711: as A-law, but all bits inverted and a bias of 0x84. */
function expandMuLaw(code: number): number {
  const bits = ~code & 0xff
  const magnitude = ((((bits & 15) << 3) + 0x84) << ((bits >> 4) & 7)) - 0x84
  return (bits & 0x80 ? -magnitude : magnitude) / 32768
}

/** A file cut in half is refused, although its beginning could be read: the sender meant the whole, and is told. */
function checkTruncation({ promisedBytes, dataBytes, sampleRate, blockAlign }: WavLayout): void {
  if (promisedBytes === undefined) return
  const bytesPerSecond = sampleRate * blockAlign
  if (promisedBytes - dataBytes <= FORGIVEN_SECONDS * bytesPerSecond) return
  const seconds = (bytes: number) => (bytes / bytesPerSecond).toFixed(1)
  throw new AudioInputError(
    'truncated',
    `The WAV file is cut off: its header promises ${seconds(promisedBytes)} seconds, ${seconds(dataBytes)} are there. Send the whole file.`,
  )
}
