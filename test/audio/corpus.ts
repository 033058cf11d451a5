// One small file of every kind that is decoded in this program, made on the spot: by our encoders, and by FFmpeg's
// encoders and muxers where we write no such files ourselves.
import { encodeAudio } from '../../src/audio/encode/encoder.ts'
import { startLibav } from '../../src/audio/libav.ts'
import { toInt16, toLittleEndian } from '../../src/audio/pcm.ts'
import { harmonicTone, type Signal } from '../harness/signals.ts'
import { wavFile } from './wav-files.ts'

export interface CorpusFile {
  readonly name: string
  /** As decodeAudio() reports it. */
  readonly container: string
  readonly bytes: Uint8Array
  readonly sampleRate: number
  /** What was encoded; every channel holds it. */
  readonly samples: Signal
  /**
   * Least signal-to-noise ratio of the decoded samples, in dB; undefined where the codec keeps no wave form at this
   * rate.
   */
  readonly fidelityDb: number
}

interface MuxedFile {
  readonly name: string
  readonly container: string
  readonly codec: string
  readonly muxer: string
  readonly sampleRate: number
  readonly channels: 1 | 2
  readonly samples: 's16' | 's32' | 'float' | 'planar float'
  readonly fidelityDb: number
}

const MUXED: readonly MuxedFile[] = [
  {
    name: 'stereo MP3',
    container: 'mp3',
    codec: 'libmp3lame',
    muxer: 'mp3',
    sampleRate: 44_100,
    channels: 2,
    samples: 'planar float',
    fidelityDb: 15,
  },
  {
    name: 'Ogg Vorbis',
    container: 'ogg',
    codec: 'libvorbis',
    muxer: 'ogg',
    sampleRate: 44_100,
    channels: 2,
    samples: 'planar float',
    fidelityDb: 10,
  },
  {
    name: 'stereo Ogg Opus',
    container: 'ogg',
    codec: 'libopus',
    muxer: 'ogg',
    sampleRate: 48_000,
    channels: 2,
    samples: 'float',
    fidelityDb: 8,
  },
  {
    name: 'Ogg FLAC',
    container: 'ogg',
    codec: 'flac',
    muxer: 'ogg',
    sampleRate: 24_000,
    channels: 1,
    samples: 's16',
    fidelityDb: 80,
  },
  {
    name: '24 bit stereo FLAC',
    container: 'flac',
    codec: 'flac',
    muxer: 'flac',
    sampleRate: 96_000,
    channels: 2,
    samples: 's32',
    fidelityDb: 120,
  },
  {
    name: 'WebM with Opus',
    container: 'webm',
    codec: 'libopus',
    muxer: 'webm',
    sampleRate: 48_000,
    channels: 1,
    samples: 'float',
    fidelityDb: 8,
  },
  {
    name: 'Matroska with Vorbis',
    container: 'webm',
    codec: 'libvorbis',
    muxer: 'matroska',
    sampleRate: 44_100,
    channels: 1,
    samples: 'planar float',
    fidelityDb: 10,
  },
]

/** A steady vowel-like tone, which lossy codecs keep well. */
export const corpusSamples = (seconds: number, sampleRate: number): Signal => harmonicTone(160, seconds, sampleRate)

export async function makeCorpus(seconds: number): Promise<CorpusFile[]> {
  const own = async (name: string, format: 'mp3' | 'ogg' | 'flac', fidelityDb: number): Promise<CorpusFile> => {
    const samples = corpusSamples(seconds, 24_000)
    return {
      name,
      container: format,
      bytes: await encodeAudio(samples, 24_000, format),
      sampleRate: 24_000,
      samples,
      fidelityDb,
    }
  }
  const wavSamples = corpusSamples(seconds, 24_000)
  const wav: CorpusFile = {
    name: 'WAV',
    container: 'wav',
    bytes: wavFile({ data: toLittleEndian(toInt16(wavSamples)) }),
    sampleRate: 24_000,
    samples: wavSamples,
    fidelityDb: 80,
  }
  const files = [wav, await own('MP3', 'mp3', 15), await own('Ogg Opus', 'ogg', 8), await own('FLAC', 'flac', 80)]
  for (const file of MUXED) files.push(await muxed(file, seconds))
  const [, mp3] = files
  // A tag with a picture in front, as music players write it.
  if (mp3) files.push({ ...mp3, name: 'MP3 with ID3', bytes: Buffer.concat([id3Tag(3_000), mp3.bytes]) })
  return files
}

function id3Tag(contentBytes: number): Buffer {
  const tag = Buffer.alloc(10 + contentBytes)
  tag.write('ID3', 'latin1')
  tag[3] = 4
  for (let i = 0; i < 4; i++) tag[6 + i] = (contentBytes >> (7 * (3 - i))) & 127
  tag.write('APIC', 10, 'latin1')
  tag[17] = contentBytes & 127
  tag[16] = contentBytes >> 7
  return tag
}

async function muxed(file: MuxedFile, seconds: number): Promise<CorpusFile> {
  const { name, container, sampleRate, fidelityDb } = file
  const samples = corpusSamples(seconds, sampleRate)
  return { name, container, bytes: await mux(file, samples), sampleRate, samples, fidelityDb }
}

async function mux(
  { codec, muxer, sampleRate, channels, samples: kind }: MuxedFile,
  samples: Signal,
): Promise<Uint8Array> {
  const libav = await startLibav()
  const format = {
    s16: libav.AV_SAMPLE_FMT_S16,
    s32: libav.AV_SAMPLE_FMT_S32,
    float: libav.AV_SAMPLE_FMT_FLT,
    'planar float': libav.AV_SAMPLE_FMT_FLTP,
  }[kind]
  const layout = channels === 1 ? 4 : 3
  const [, context, frame, packet, frameSamples] = await libav.ff_init_encoder(codec, {
    ctx: { sample_fmt: format, sample_rate: sampleRate, channel_layout: layout, bit_rate: 96_000 },
    time_base: [1, sampleRate],
  })
  const [output, , file] = await libav.ff_init_muxer({ filename: 'file', format_name: muxer, open: true }, [
    [context, 1, sampleRate],
  ])
  await libav.avformat_write_header(output, 0)
  const step = frameSamples || 1024
  const frames = Array.from({ length: Math.ceil(samples.length / step) }, (_, i) => {
    const block = samples.subarray(i * step, (i + 1) * step)
    const planes = Array.from({ length: channels }, () => block)
    return {
      data: kind === 'planar float' ? planes : interleaved(block, channels, kind),
      format,
      channel_layout: layout,
      channels,
      sample_rate: sampleRate,
      nb_samples: block.length,
      pts: i * step,
      ptshi: 0,
    }
  })
  await libav.ff_write_multi(output, packet, libav.ff_encode_multi_sync(context, frame, packet, frames, true))
  await libav.av_write_trailer(output)
  await libav.ff_free_muxer(output, file)
  const bytes: Uint8Array = await libav.readFile('file')
  libav.terminate()
  return bytes
}

function interleaved(block: Float32Array, channels: number, kind: MuxedFile['samples']) {
  const values = Float64Array.from({ length: block.length * channels }, (_, i) => block[Math.floor(i / channels)] ?? 0)
  if (kind === 's16') return Int16Array.from(values, (value) => Math.round(value * 32_767))
  // 24 bit samples stand at the top of 32 bits.
  if (kind === 's32') return Int32Array.from(values, (value) => Math.round(value * 8_388_607) * 256)
  return Float32Array.from(values)
}
