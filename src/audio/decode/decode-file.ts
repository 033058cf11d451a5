// One file → a recording, in the calling thread: which is why only decode-thread.ts and tests call it.
import { AudioInputError } from '../audio-input-error.ts'
import type { Recording } from '../recording.ts'
import { type Container, detectContainer } from './container.ts'
import { decodeWav } from './wav.ts'
import { decodeWithLibav } from './with-libav.ts'

/** `elsewhere`: nobody in this program may read it, an FFmpeg beside it might. */
export type DecodedFile =
  | { readonly kind: 'recording'; readonly recording: Recording }
  | { readonly kind: 'elsewhere'; readonly container: Container }

/** Throws AudioInputError for anything wrong with the bytes. */
export async function decodeFile(bytes: Uint8Array, maxSeconds: number): Promise<DecodedFile> {
  const container = await detectContainer(bytes)
  if (!container) {
    throw new AudioInputError(
      'not_audio',
      'The file is not audio as far as we know. WAV, MP3, FLAC, Ogg and WebM work.',
    )
  }
  switch (container.reader) {
    case 'wav':
      return { kind: 'recording', recording: decodeWav(bytes, maxSeconds) }
    case 'libav':
      return { kind: 'recording', recording: await decodeWithLibav(bytes, container, maxSeconds) }
    case 'ffmpeg':
      return { kind: 'elsewhere', container }
  }
}
