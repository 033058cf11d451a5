// Builds WAV files field by field, right ones and wrong ones.

export interface WavFields {
  readonly data: Uint8Array
  readonly formatTag?: number
  readonly channels?: number
  readonly sampleRate?: number
  readonly bitsPerSample?: number
  readonly blockAlign?: number
  /** With a subformat GUID of the format tag; its tail may be replaced. */
  readonly extensible?: boolean
  readonly guidTail?: string
  readonly id?: 'RIFF' | 'RF64' | 'BW64'
  readonly riffSize?: number
  readonly dataSize?: number
  /** RF64's 64 bit size of the data. */
  readonly longDataSize?: bigint
  readonly chunksBefore?: readonly Uint8Array[]
  readonly chunksAfter?: readonly Uint8Array[]
}

export function chunk(id: string, content: Uint8Array, size = content.length): Buffer {
  const header = Buffer.alloc(8)
  header.write(id, 'latin1')
  header.writeUInt32LE(size >>> 0, 4)
  return Buffer.concat([header, content, Buffer.alloc(content.length % 2)])
}

export function wavFile(fields: WavFields): Buffer {
  const { data, chunksBefore = [], chunksAfter = [], id = 'RIFF', dataSize = data.length } = fields
  const ds64 = Buffer.alloc(28)
  ds64.writeBigUInt64LE(fields.longDataSize ?? 0n, 8)
  const body = Buffer.concat([
    Buffer.from('WAVE', 'latin1'),
    ...(fields.longDataSize === undefined ? [] : [chunk('ds64', ds64)]),
    ...chunksBefore,
    chunk('fmt ', formatChunk(fields)),
    chunk('data', data, dataSize),
    ...chunksAfter,
  ])
  return chunk(id, body, fields.riffSize ?? body.length)
}

function formatChunk(fields: WavFields): Buffer {
  const { formatTag = 1, channels = 1, sampleRate = 24_000, bitsPerSample = 16, extensible = false } = fields
  const { blockAlign = channels * Math.ceil(bitsPerSample / 8) } = fields
  const { guidTail = '000000001000800000aa00389b71' } = fields
  const format = Buffer.alloc(extensible ? 40 : 16)
  format.writeUInt16LE(extensible ? 0xfffe : formatTag, 0)
  format.writeUInt16LE(channels, 2)
  format.writeUInt32LE(sampleRate, 4)
  format.writeUInt32LE((sampleRate * blockAlign) >>> 0, 8)
  format.writeUInt16LE(blockAlign, 12)
  format.writeUInt16LE(bitsPerSample, 14)
  if (extensible) {
    format.writeUInt16LE(22, 16)
    format.writeUInt16LE(bitsPerSample, 18)
    format.writeUInt16LE(formatTag, 24)
    format.set(Buffer.from(guidTail, 'hex'), 26)
  }
  return format
}
