// Finds format and data in RIFF/WAVE, RF64 and BW64 files. Reads headers only, believes no size it has not checked.
import { AudioInputError } from '../audio-input-error.ts'

export interface WavLayout {
  /** 1 PCM, 3 float, 6 A-law, 7 µ-law …, with EXTENSIBLE already looked through. */
  readonly formatTag: number
  readonly channels: number
  readonly sampleRate: number
  readonly bitsPerSample: number
  /** Bytes of one sample of every channel. */
  readonly blockAlign: number
  /** Where the samples start in the file. */
  readonly dataOffset: number
  /** Bytes of samples that are really there. */
  readonly dataBytes: number
  /** Bytes of samples that the header promises; undefined when it says `until the end`. */
  readonly promisedBytes: number | undefined
}

const EXTENSIBLE = 0xfffe
// A subformat GUID is a format tag followed by these bytes; others (e.g. Ambisonic B-format) are other things.
const GUID_TAIL = Buffer.from('000000001000800000aa00389b71', 'hex')
// No real file has more chunks before its data; bounds the walk over a file made of empty chunks.
const MAX_CHUNKS = 1000

interface Chunk {
  readonly id: string
  readonly offset: number
  readonly size: number
}

/** True for the first bytes of what findWavLayout() reads. */
export function looksLikeWav(bytes: Uint8Array): boolean {
  return ['RIFF', 'RF64', 'BW64'].includes(ascii(bytes, 0)) && ascii(bytes, 8) === 'WAVE'
}

/** Throws AudioInputError when there is no WAVE header, no format or no data. */
export function findWavLayout(bytes: Uint8Array): WavLayout {
  if (!looksLikeWav(bytes)) throw new AudioInputError('not_audio', 'The file is not a WAV file.')
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let format: Chunk | undefined
  let data: Chunk | undefined
  let longDataBytes: number | undefined
  for (const chunk of chunks(bytes, view)) {
    if (chunk.id === 'ds64' && chunk.size >= 24 && chunk.offset + 24 <= bytes.length) {
      longDataBytes = Number(view.getBigUint64(chunk.offset + 8, true))
    }
    if (chunk.id === 'fmt ') format ??= chunk
    if (chunk.id === 'data') data ??= chunk
    if (format && data) break
  }
  if (!format) throw new AudioInputError('corrupt', 'The WAV file has no format chunk.')
  if (!data) throw new AudioInputError('corrupt', 'The WAV file has no data chunk.')
  const promisedBytes = promised(data, view, longDataBytes)
  const left = bytes.length - data.offset
  return {
    ...readFormat(bytes, view, format),
    dataOffset: data.offset,
    dataBytes: Math.min(promisedBytes ?? left, left),
    promisedBytes,
  }
}

function* chunks(bytes: Uint8Array, view: DataView): Generator<Chunk> {
  let offset = 12
  for (let count = 0; count < MAX_CHUNKS && offset + 8 <= bytes.length; count++) {
    const chunk = { id: ascii(bytes, offset), size: view.getUint32(offset + 4, true), offset: offset + 8 }
    yield chunk
    offset = chunk.offset + chunk.size + (chunk.size % 2) // chunks start at even places
  }
}

function readFormat(bytes: Uint8Array, view: DataView, { offset, size }: Chunk) {
  if (size < 16 || offset + 16 > bytes.length) {
    throw new AudioInputError('corrupt', 'The WAV file has a broken format chunk.')
  }
  let formatTag = view.getUint16(offset, true)
  if (formatTag === EXTENSIBLE) {
    if (size < 40 || offset + 40 > bytes.length) {
      throw new AudioInputError('corrupt', 'The WAV file has a broken format chunk.')
    }
    if (!GUID_TAIL.equals(bytes.subarray(offset + 26, offset + 40))) {
      throw new AudioInputError(
        'unsupported',
        'The WAV file holds a kind of samples that is not supported; convert it.',
      )
    }
    formatTag = view.getUint16(offset + 24, true)
  }
  return {
    formatTag,
    channels: view.getUint16(offset + 2, true),
    sampleRate: view.getUint32(offset + 4, true),
    blockAlign: view.getUint16(offset + 12, true),
    bitsPerSample: view.getUint16(offset + 14, true),
  }
}

/**
 * Streaming writers cannot know the size: FFmpeg says FFFFFFFF, SoX 7FFFF000 and the like, others (and recorders that
 * died) 0. In RF64 the true size is in ds64, where all ones again mean unknown.
 */
function promised(data: Chunk, view: DataView, longDataBytes: number | undefined): number | undefined {
  if (data.size === 0xffffffff) return Number.isSafeInteger(longDataBytes) ? longDataBytes : undefined
  if (data.size >= 0x7ff00000) return undefined
  if (data.size > 0) return data.size
  // An empty data chunk is the truth only if RIFF's own size ends here or names what follows.
  const riffBytes = view.getUint32(4, true) + 8
  return riffBytes >= data.offset && riffBytes < 0xfffffff0 && riffBytes >= view.byteLength ? 0 : undefined
}

function ascii(bytes: Uint8Array, offset: number): string {
  return String.fromCharCode(...bytes.subarray(offset, offset + 4))
}
