// MP3, FLAC, Ogg and WebM → mono samples, by the FFmpeg inside this program. For a worker thread: it blocks, and
// hostile files go through it.
import { AudioInputError } from '../audio-input-error.ts'
import { type Libav, type LibavFrame, type LibavPacket, type LibavStream, startLibav } from '../libav.ts'
import { type Recording, RecordingCollector } from '../recording.ts'
import type { Container } from './container.ts'
import { statesItsLength } from './stated-length.ts'

const FILE_NAME = 'recording'
// Read in steps of this many bytes, decode packet by packet: two bytes of Opus become 120 ms, so the caps are asked
// after every packet.
const READ_BYTES = 16_384
// Encoders round their durations up and cut in whole packets: half a second less than stated passes as complete.
const FORGIVEN_SECONDS = 0.5

/** Decodes the first audio stream of a file; channels are averaged. Throws AudioInputError. */
export async function decodeWithLibav(bytes: Uint8Array, container: Container, maxSeconds: number): Promise<Recording> {
  const libav = await startLibav()
  try {
    await libav.writeFile(FILE_NAME, bytes)
    return await decodeFile(libav, bytes, container, maxSeconds)
  } catch (error) {
    // A trap in WebAssembly (out of bounds, unreachable, out of memory): only a broken file brings FFmpeg there.
    if (error instanceof Error && error.name === 'RuntimeError') {
      throw new AudioInputError('corrupt', `The ${container.name} file is damaged and cannot be decoded.`, {
        cause: error,
      })
    }
    throw error
  } finally {
    libav.terminate()
  }
}

async function decodeFile(
  libav: Libav,
  bytes: Uint8Array,
  container: Container,
  maxSeconds: number,
): Promise<Recording> {
  const { demuxer, stream } = await openStream(libav, container)
  const collector = new RecordingCollector(maxSeconds)
  const { good, bad } = await decodeStream(libav, demuxer, stream, collector)
  if (bad > good) {
    throw new AudioInputError('corrupt', `The ${container.name} file is damaged: most of its audio cannot be decoded.`)
  }
  const recording = collector.finish(container.name)
  const seconds = recording.samples.length / recording.sampleRate
  if (statesItsLength(bytes, container.name) && stream.duration - seconds > FORGIVEN_SECONDS) {
    throw new AudioInputError(
      'truncated',
      `The ${container.name} file is cut off: its header promises ${stream.duration.toFixed(1)} seconds, ${seconds.toFixed(1)} are there. Send the whole file, or save it anew.`,
    )
  }
  return recording
}

async function openStream(libav: Libav, container: Container): Promise<{ demuxer: number; stream: LibavStream }> {
  const [demuxer, streams] = await libav
    .ff_init_demuxer_file(FILE_NAME, container.demuxer)
    .catch((cause: unknown): never => {
      throw new AudioInputError('corrupt', `The file begins like ${container.name}, but cannot be read as such.`, {
        cause,
      })
    })
  const stream = streams.find(({ codec_type }) => codec_type === libav.AVMEDIA_TYPE_AUDIO)
  if (!stream) throw new AudioInputError('empty', 'The file holds no audio.')
  for (const other of streams) {
    if (other !== stream) await libav.AVStream_discard_s(other.ptr, libav.AVDISCARD_ALL)
  }
  return { demuxer, stream }
}

/**
 * Every packet through the decoder, every frame into the collector; counts the packets that the decoder took and those
 * it refused.
 */
async function decodeStream(
  libav: Libav,
  demuxer: number,
  stream: LibavStream,
  collector: RecordingCollector,
): Promise<{ good: number; bad: number }> {
  const [, context, packet, frame] = await libav
    .ff_init_decoder(stream.codec_id, stream.codecpar)
    .catch((cause: unknown): never => {
      throw new AudioInputError('unsupported', 'The recording uses a codec that is not supported; convert it to WAV.', {
        cause,
      })
    })
  const counts = { good: 0, bad: 0 }
  const decode = (packets: LibavPacket[], fin: boolean) => {
    try {
      const frames = libav.ff_decode_multi_sync(context, packet, frame, packets, { fin })
      counts.good++
      for (const decoded of frames) collector.add(decoded.sample_rate ?? 0, toChannels(libav, decoded))
    } catch (error) {
      // A refused packet costs its 20 ms or so, not the file. Ours and traps go on up.
      if (error instanceof AudioInputError || !(error instanceof Error) || error.name !== 'Error') throw error
      counts.bad++
    }
  }
  for (;;) {
    const [result, packets] = await libav.ff_read_frame_multi(demuxer, packet, { limit: READ_BYTES })
    for (const one of packets[stream.index] ?? []) decode([one], false)
    // Anything but `there is more` is the end, or damage that makes an end here.
    if (result !== 0 && result !== -libav.EAGAIN) break
  }
  decode([], true)
  return counts
}

/** FFmpeg's frame → one Float32Array per channel, full scale ±1. */
function toChannels(libav: Libav, { format, data, nb_samples: samples = 0, channels = 1 }: LibavFrame): Float32Array[] {
  const scale = {
    [libav.AV_SAMPLE_FMT_S16]: 2 ** -15,
    [libav.AV_SAMPLE_FMT_S16P]: 2 ** -15,
    [libav.AV_SAMPLE_FMT_S32]: 2 ** -31,
    [libav.AV_SAMPLE_FMT_S32P]: 2 ** -31,
    [libav.AV_SAMPLE_FMT_FLT]: 1,
    [libav.AV_SAMPLE_FMT_FLTP]: 1,
  }[format]
  if (scale === undefined || !data) {
    throw new AudioInputError(
      'unsupported',
      'The recording uses a kind of samples that is not supported; convert it to WAV.',
    )
  }
  if (Array.isArray(data))
    return data.map((plane: ArrayLike<number>) => Float32Array.from(plane, (value) => value * scale))
  const interleaved: ArrayLike<number> = data
  return Array.from({ length: channels }, (_, channel) =>
    Float32Array.from({ length: samples }, (_, i) => (interleaved[i * channels + channel] ?? 0) * scale),
  )
}
