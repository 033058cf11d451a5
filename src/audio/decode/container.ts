// Which container a file claims to be, and who reads it. A claim routes; it proves nothing, so the reader checks
// everything again.
import { fileTypeFromBuffer } from 'file-type'
import { looksLikeWav } from './wav-header.ts'

export interface Container {
  /** As reported to people and in metrics. */
  readonly name: string
  /**
   * `wav`: ours. `libav`: FFmpeg inside this program. `ffmpeg`: an FFmpeg installed beside it, for what may not be
   * shipped.
   */
  readonly reader: 'wav' | 'libav' | 'ffmpeg'
  /** FFmpeg's name of the one demuxer that may touch the file: it never gets to guess. */
  readonly demuxer: string
}

const libav = (name: string, demuxer = name): Container => ({ name, reader: 'libav', demuxer })
const ffmpeg = (name: string, demuxer = name): Container => ({ name, reader: 'ffmpeg', demuxer })

/** By the extension that file-type gives. */
const CONTAINERS: Readonly<Record<string, Container>> = {
  mp3: libav('mp3'),
  flac: libav('flac'),
  ...sameFor(libav('ogg'), 'ogg', 'oga', 'opus', 'ogv', 'ogx'),
  ...sameFor(libav('webm', 'matroska'), 'webm', 'mkv'),
  ...sameFor(ffmpeg('mp4', 'mov'), 'mp4', 'm4a', 'm4b', 'm4v', 'mov', 'f4a', 'f4v', '3gp', '3g2'),
  aac: ffmpeg('aac'),
  aif: ffmpeg('aiff'),
  amr: ffmpeg('amr'),
  asf: ffmpeg('wma', 'asf'),
}

/** Undefined for anything that is not audio as far as we know. */
export async function detectContainer(bytes: Uint8Array): Promise<Container | undefined> {
  if (looksLikeWav(bytes)) return { name: 'wav', reader: 'wav', demuxer: 'wav' }
  // file-type reads past the end of some broken files and throws: those are nothing we know.
  const type = await fileTypeFromBuffer(bytes).catch(() => undefined)
  return type && CONTAINERS[type.ext]
}

function sameFor(container: Container, ...extensions: readonly string[]): Record<string, Container> {
  return Object.fromEntries(extensions.map((extension) => [extension, container]))
}
