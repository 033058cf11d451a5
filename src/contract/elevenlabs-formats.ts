// ElevenLabs' names of audio formats, `codec_rate_kbit`, as ours. All of theirs are here.
import type { OutputFormat } from './speech.ts'

interface NamedFormat {
  readonly format: OutputFormat
  /** Hz, kbit/s. */
  readonly encoding: {
    readonly sampleRate: number
    readonly kilobitsPerSecond?: number
    readonly companding?: 'mu-law' | 'A-law'
  }
}

const mp3 = (sampleRate: number, kilobitsPerSecond: number): NamedFormat => ({
  format: 'mp3',
  encoding: { sampleRate, kilobitsPerSecond },
})
const opus = (kilobitsPerSecond: number): NamedFormat => ({
  format: 'ogg',
  encoding: { sampleRate: 48_000, kilobitsPerSecond },
})
const pcm = (sampleRate: number): NamedFormat => ({ format: 'pcm', encoding: { sampleRate } })
const wav = (sampleRate: number): NamedFormat => ({ format: 'wav', encoding: { sampleRate } })
const telephone = (companding: 'mu-law' | 'A-law'): NamedFormat => ({
  format: 'pcm',
  encoding: { sampleRate: 8000, companding },
})

export const ELEVENLABS_FORMATS = {
  mp3_22050_32: mp3(22_050, 32),
  mp3_24000_48: mp3(24_000, 48),
  mp3_44100_32: mp3(44_100, 32),
  mp3_44100_64: mp3(44_100, 64),
  mp3_44100_96: mp3(44_100, 96),
  mp3_44100_128: mp3(44_100, 128),
  mp3_44100_192: mp3(44_100, 192),
  opus_48000_32: opus(32),
  opus_48000_64: opus(64),
  opus_48000_96: opus(96),
  opus_48000_128: opus(128),
  opus_48000_192: opus(192),
  pcm_8000: pcm(8000),
  pcm_16000: pcm(16_000),
  pcm_22050: pcm(22_050),
  pcm_24000: pcm(24_000),
  pcm_32000: pcm(32_000),
  pcm_44100: pcm(44_100),
  pcm_48000: pcm(48_000),
  wav_8000: wav(8000),
  wav_16000: wav(16_000),
  wav_22050: wav(22_050),
  wav_24000: wav(24_000),
  wav_32000: wav(32_000),
  wav_44100: wav(44_100),
  wav_48000: wav(48_000),
  ulaw_8000: telephone('mu-law'),
  alaw_8000: telephone('A-law'),
} as const

export type ElevenLabsFormat = keyof typeof ELEVENLABS_FORMATS
