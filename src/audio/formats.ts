// The audio formats this program writes, with the names by which HTTP, files and the command line know them.

export const AUDIO_FORMATS = ['wav', 'mp3', 'ogg', 'flac', 'pcm'] as const
export type AudioFormat = (typeof AUDIO_FORMATS)[number]

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
