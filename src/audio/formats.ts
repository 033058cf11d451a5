// The audio formats this program writes, with the names by which HTTP, files and the command line know them.

export const AUDIO_FORMATS = ['wav', 'mp3', 'ogg', 'flac', 'pcm'] as const
export type AudioFormat = (typeof AUDIO_FORMATS)[number]

/** How a file differs from the plain one of its format. What is absent is as the engine or the encoder has it. */
export interface Encoding {
  /** Hz. */
  readonly sampleRate?: number
  /** Of MP3 and Opus. */
  readonly kilobitsPerSecond?: number
  /** Of bare PCM: 8 bits a sample, by the law of ITU-T G.711. */
  readonly companding?: 'mu-law' | 'A-law'
}

interface FormatFacts {
  readonly mediaType: string
  /** Without the dot. */
  readonly extension: string
}

export const FORMAT_FACTS: Readonly<Record<AudioFormat, FormatFacts>> = {
  /** 16 bit PCM. */
  wav: { mediaType: 'audio/wav', extension: 'wav' },
  mp3: { mediaType: 'audio/mpeg', extension: 'mp3' },
  /** Opus in Ogg. */
  ogg: { mediaType: 'audio/ogg', extension: 'ogg' },
  flac: { mediaType: 'audio/flac', extension: 'flac' },
  /** Bare signed 16 bit little-endian samples: no header, so the reader must know rate and channels. */
  pcm: { mediaType: 'audio/pcm', extension: 'pcm' },
}

/** Of a file in `format` that is encoded like this. */
export function mediaTypeOf(format: AudioFormat, { companding }: Encoding = {}): string {
  if (companding === 'mu-law') return 'audio/basic'
  return companding === 'A-law' ? 'audio/x-alaw-basic' : FORMAT_FACTS[format].mediaType
}

/** The other way round; undefined: nothing here is of this type. */
export const formatOfMediaType = (mediaType: string): AudioFormat | undefined =>
  AUDIO_FORMATS.find((format) => FORMAT_FACTS[format].mediaType === mediaType) ??
  (['audio/basic', 'audio/x-alaw-basic'].includes(mediaType) ? 'pcm' : undefined)
