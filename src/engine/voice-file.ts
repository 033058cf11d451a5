// A voice as bytes: the safetensors format; model, version and a checksum among its metadata. The reader believes nothing it reads.
// https://github.com/huggingface/safetensors#format
import { createHash } from 'node:crypto'
import { z } from 'zod'
import { AppError } from '../errors.ts'
import type { Voice, VoiceTensor } from './engine.ts'

/** Reserved names in `__metadata__`; everything else there is `Voice.metadata`. */
const MODEL = 'chatterbox.model'
const VERSION = 'chatterbox.version'
const CHECKSUM = 'chatterbox.sha256'
/** The largest voice, Turbo's, is under 1 MB with a header of 2 kB. */
const MAX_BYTES = 8 << 20
const MAX_HEADER_BYTES = 1 << 20
const MAX_DIMENSIONS = 8
const BYTES_PER_ELEMENT = { F32: 4, I64: 8 } as const

const tensorHeader = z.strictObject({
  dtype: z.enum(['F32', 'I64']),
  shape: z
    .array(
      z
        .number()
        .int()
        .nonnegative()
        .max(2 ** 31),
    )
    .max(MAX_DIMENSIONS),
  data_offsets: z.tuple([z.number().int().nonnegative(), z.number().int().nonnegative()]),
})
const metadataHeader = z.looseObject({ [MODEL]: z.enum(['turbo', 'nano', 'preview']), [VERSION]: z.string().min(1) })

/** Whether bytes are meant to be a safetensors file: a header of under 4 GiB that begins as JSON does, which no recording has. */
export function isVoiceFile(bytes: Uint8Array): boolean {
  return bytes[8] === 0x7b && bytes.subarray(4, 8).every((byte) => byte === 0)
}

/** Serialises a voice. Equal voices give equal bytes: names are sorted. */
export function writeVoice(voice: Voice): Uint8Array {
  const names = Object.keys(voice.tensors).sort()
  const metadata = [
    ...Object.entries(voice.metadata),
    [MODEL, voice.model],
    [VERSION, voice.version],
    [CHECKSUM, checksumOf(voice)],
  ].sort()
  const header: [string, unknown][] = [['__metadata__', Object.fromEntries(metadata)]]
  const parts: Uint8Array[] = []
  let offset = 0
  for (const name of names) {
    const tensor = voice.tensors[name]
    if (!tensor) continue
    const { buffer, byteOffset, byteLength } = tensor.data
    parts.push(new Uint8Array(buffer, byteOffset, byteLength))
    header.push([name, { dtype: tensor.dtype, shape: tensor.shape, data_offsets: [offset, offset + byteLength] }])
    offset += byteLength
  }
  const json = JSON.stringify(Object.fromEntries(header))
  const text = Buffer.from(json)
  const padded = Buffer.concat([text, Buffer.alloc((8 - (text.length % 8)) % 8, ' ')]) // data starts aligned to 8 bytes
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(padded.length))
  return new Uint8Array(Buffer.concat([length, padded, ...parts]))
}

/** Reads what `writeVoice` wrote. Throws AppError `invalid_reference_audio` saying what is wrong with anything else. */
export function readVoice(bytes: Uint8Array): Voice {
  if (bytes.byteLength > MAX_BYTES) throw notAVoice('it is larger than any voice')
  const { header, data } = splitFile(bytes)
  const { __metadata__: metadata, ...tensors } = header
  const known = metadataHeader.safeParse(metadata)
  if (!known.success) throw notAVoice('it does not say which model it belongs to')
  const { [MODEL]: model, [VERSION]: version, [CHECKSUM]: checksum, ...rest } = known.data
  const voice: Voice = {
    model,
    version,
    tensors: readTensors(tensors, data),
    metadata: Object.fromEntries(Object.entries(rest).map(([name, value]) => [name, textOf(name, value)])),
  }
  if (checksum !== checksumOf(voice))
    throw notAVoice('it is damaged or was not made by this program (its checksum differs)')
  return voice
}

function checksumOf(voice: Voice): string {
  const metadata = Object.entries(voice.metadata).sort()
  const hash = createHash('sha256').update(JSON.stringify([voice.model, voice.version, metadata]))
  for (const name of Object.keys(voice.tensors).sort()) {
    const tensor = voice.tensors[name]
    if (!tensor) continue
    const { buffer, byteOffset, byteLength } = tensor.data
    hash
      .update(JSON.stringify([name, tensor.dtype, tensor.shape]))
      .update(new Uint8Array(buffer, byteOffset, byteLength))
  }
  return hash.digest('hex')
}

function splitFile(bytes: Uint8Array): { header: Record<string, unknown>; data: Uint8Array } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (bytes.byteLength < 8) throw notAVoice('it is shorter than its header')
  const length = view.getBigUint64(0, true)
  if (length > BigInt(MAX_HEADER_BYTES)) throw notAVoice('its header is impossibly long')
  if (length > BigInt(bytes.byteLength - 8)) throw notAVoice('it ends in the middle of its header')
  const end = 8 + Number(length)
  let header: unknown
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(8, end)))
  } catch (cause) {
    throw notAVoice('its header is not JSON', cause)
  }
  if (typeof header !== 'object' || header === null || Array.isArray(header)) throw notAVoice('its header is no object')
  return { header: { ...header }, data: bytes.subarray(end) }
}

/** Tensors must fill the data from the first to the last byte, without gaps or overlaps. */
function readTensors(headers: Record<string, unknown>, data: Uint8Array): Record<string, VoiceTensor> {
  const described = Object.entries(headers).map(([name, header]) => {
    const parsed = tensorHeader.safeParse(header)
    if (!parsed.success) throw notAVoice(`tensor ${quote(name)} is described wrongly`)
    return { name, ...parsed.data }
  })
  described.sort((a, b) => a.data_offsets[0] - b.data_offsets[0] || a.data_offsets[1] - b.data_offsets[1])
  let expected = 0
  const tensors = described.map(({ name, dtype, shape, data_offsets: [from, to] }): [string, VoiceTensor] => {
    if (from !== expected || to < from) throw notAVoice(`tensor ${quote(name)} does not begin where the last one ended`)
    const elements = shape.reduce((product, size) => product * size, 1)
    if (to - from !== elements * BYTES_PER_ELEMENT[dtype])
      throw notAVoice(`tensor ${quote(name)} has another size than its shape`)
    if (to > data.byteLength) throw notAVoice(`it ends in the middle of tensor ${quote(name)}`)
    expected = to
    // A copy: a tensor in the file may begin at any byte. Not slice(), which on a Buffer is a view of a larger pool.
    const copy = Uint8Array.from(data.subarray(from, to)).buffer
    return [name, { dtype, shape, data: dtype === 'F32' ? new Float32Array(copy) : new BigInt64Array(copy) }]
  })
  if (expected !== data.byteLength) throw notAVoice('bytes are left over at its end')
  return Object.fromEntries(tensors)
}

function textOf(name: string, value: unknown): string {
  if (typeof value !== 'string') throw notAVoice(`its metadata ${quote(name)} is no text`)
  return value
}

function quote(name: string): string {
  return JSON.stringify(name.slice(0, 60))
}

function notAVoice(why: string, cause?: unknown): AppError {
  return new AppError('invalid_reference_audio', `This voice file cannot be used: ${why}.`, {
    param: 'reference_audio',
    cause,
  })
}
