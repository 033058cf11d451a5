// Text that a file carries beside its sound, in each container's own form. Names are those of Vorbis comments.

export interface AudioTags {
  /** The program that made the file. */
  readonly encoder: string
  readonly comment: string
  /** Further fields by name, ASCII without `=`; WAV's INFO list has no place for them. */
  readonly more?: Readonly<Record<string, string>>
}

const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1')
const utf8 = (text: string): Buffer => Buffer.from(text, 'utf8')

/** LIST chunk of kind INFO (Microsoft's RIFF specification of 1991): for WAV, before the samples. */
export function infoChunk(tags: AudioTags): Buffer {
  const fields = [infoField('ISFT', tags.encoder), infoField('ICMT', tags.comment)]
  const content = Buffer.concat([latin1('INFO'), ...fields])
  return Buffer.concat([latin1('LIST'), uint32LE(content.length), content])
}

/** What infoChunk() wrote, out of the head of a WAV file; undefined: there is none. */
export function readInfoChunk(head: Uint8Array): Pick<AudioTags, 'encoder' | 'comment'> | undefined {
  const bytes = Buffer.from(head.buffer, head.byteOffset, head.byteLength)
  const field = (name: string): string | undefined => {
    const at = bytes.indexOf(name, 0, 'latin1')
    return at < 0 ? undefined : bytes.toString('utf8', at + 8, at + 7 + bytes.readUInt32LE(at + 4)) // without its zero
  }
  const [encoder, comment] = [field('ISFT'), field('ICMT')]
  return encoder === undefined || comment === undefined ? undefined : { encoder, comment }
}

/** Ends in a zero and is padded to an even length, the padding not counted. */
function infoField(name: string, text: string): Buffer {
  const value = Buffer.concat([utf8(text), Buffer.alloc(1)])
  return Buffer.concat([latin1(name), uint32LE(value.length), value, Buffer.alloc(value.length % 2)])
}

/** Vendor and comments (https://xiph.org/vorbis/doc/v-comment.html): for Opus and FLAC. */
export function vorbisComment(vendor: string, tags: AudioTags | undefined): Buffer {
  const comments = tags
    ? Object.entries({ ENCODER: tags.encoder, COMMENT: tags.comment, ...tags.more }).map(([name, text]) =>
        utf8(`${name}=${text}`),
      )
    : []
  return Buffer.concat([withLength(utf8(vendor)), uint32LE(comments.length), ...comments.map(withLength)])
}

const withLength = (bytes: Buffer): Buffer => Buffer.concat([uint32LE(bytes.length), bytes])

const UTF8_ENCODING = 3

/** ID3 version 2.4 (https://id3.org/id3v2.4.0-structure): for MP3, before the first frame. */
export function id3Tag(tags: AudioTags): Buffer {
  const frames = Buffer.concat([
    id3Frame('TSSE', utf8(tags.encoder)),
    id3Frame('COMM', Buffer.concat([latin1('eng\0'), utf8(tags.comment)])),
    ...Object.entries(tags.more ?? {}).map(([name, text]) => id3Frame('TXXX', utf8(`${name}\0${text}`))),
  ])
  return Buffer.concat([latin1('ID3'), Buffer.of(4, 0, 0), syncSafe(frames.length), frames])
}

function id3Frame(name: string, content: Buffer): Buffer {
  return Buffer.concat([
    latin1(name),
    syncSafe(content.length + 1),
    Buffer.of(0, 0), // no flags
    Buffer.of(UTF8_ENCODING),
    content,
  ])
}

/** 28 bits in four bytes whose highest bit is clear, so that no player takes them for the start of a frame. */
const syncSafe = (value: number): Buffer =>
  Buffer.of((value >> 21) & 0x7f, (value >> 14) & 0x7f, (value >> 7) & 0x7f, value & 0x7f)

function uint32LE(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes
}
