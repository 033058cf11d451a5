// Parity of what comes before the networks: resampling, loudness, trimming and the four spectra.
import { integratedLoudness } from '../../src/audio/loudness.ts'
import { resample } from '../../src/audio/resample.ts'
import { kaldiFbank, subtractTimeMean } from '../../src/engine/chatterbox/voice/kaldi-fbank.ts'
import { promptMel } from '../../src/engine/chatterbox/voice/prompt-mel.ts'
import { normaliseLoudness } from '../../src/engine/chatterbox/voice/reference-loudness.ts'
import { resampleSincHann } from '../../src/engine/chatterbox/voice/sinc-hann.ts'
import { speechMel } from '../../src/engine/chatterbox/voice/speech-mel.ts'
import { findSpeech, voiceMel } from '../../src/engine/chatterbox/voice/voice-mel.ts'
import type { ParityRun, Stage } from './parity.ts'
import { casesOf, recording, sliceOf } from './recordings.ts'

interface Excerpt {
  readonly source: string
  readonly start: number
  readonly end: number
  readonly pregain: number
}

interface FrontEndCases {
  readonly loudness_24k_target_minus27: readonly (Excerpt & {
    readonly lufs: number | '-inf' | null
    readonly gain: number
    readonly applied: boolean
  })[]
  readonly trim_top_db20: readonly (Excerpt & { readonly trim_start: number; readonly trim_end: number })[]
}

export const frontEndStages: Readonly<Record<string, Stage>> = {
  resampling: async (run) => {
    const official = (name: string) => recording(run, name)
    const speech = official('ref_b_24k')
    run.compare('ref_b_16k_torchaudio', resampleSincHann(speech, 24000, 16000), official('ref_b_16k_torchaudio'), 2e-6)
    run.compareSignal('ref_b_16k_soxr', resample(speech, 24000, 16000), official('ref_b_16k_soxr'), 60)
    run.compareSignal('out_44k1_24k', resample(official('in_44k1'), 44100, 24000), official('out_44k1_24k'), 60)
    run.compareSignal('out_22k05_24k', resample(official('in_22k05'), 22050, 24000), official('out_22k05_24k'), 60)
    // A chirp up to 23.5 kHz: what resamplers leave near the new Nyquist frequency differs, below it must not.
    const [chirp, officialChirp] = [resample(official('in_48k'), 48000, 24000), official('out_48k_24k')]
    run.compareSignal('out_48k_24k', chirp, officialChirp, 25)
    run.compareSignal('out_48k_24k below 10.2 kHz', lowPass(chirp, 0.85), lowPass(officialChirp, 0.85), 80)
  },

  loudness: async (run) => {
    for (const item of run.json<FrontEndCases>('frontend').loudness_24k_target_minus27) {
      const samples = excerpt(run, item)
      const key = `${nameOf(item)} × ${item.pregain}`
      if (typeof item.lufs === 'number')
        run.compare(`LUFS of ${key}`, [integratedLoudness(samples, 24000, 'pyloudnorm')], [item.lufs], 0.005)
      const normalised = normaliseLoudness(samples, 24000)
      const loudest = samples.reduce(
        (best, sample, i) => (Math.abs(sample) > Math.abs(samples[best] ?? 0) ? i : best),
        0,
      )
      const gain = item.applied ? (normalised[loudest] ?? 0) / (samples[loudest] ?? 0) : 1
      run.compare(`gain of ${key}`, [gain / item.gain], [1], 6e-4)
      if (!item.applied) run.compare(`unchanged ${key}`, normalised, samples, 0)
    }
  },

  trimming: async (run) => {
    for (const item of run.json<FrontEndCases>('frontend').trim_top_db20) {
      const { begin, end } = findSpeech(excerpt(run, item))
      run.compare(`trim of ${nameOf(item)}`, [begin, end], [item.trim_start, item.trim_end], 0)
    }
  },

  spectra: async (run) => {
    const cases = casesOf(run)
    const speech = recording(run, 'ref_b_16k_torchaudio')
    const tokenizer = run.fixture('s3tokenizer')
    run.compare('s3tokenizer.b_logmel', speechMel(speech).values, tokenizer.readFloat32('b_logmel'), 3e-4)
    const c = speechMel(sliceOf(run, cases.s3tok.c_source)).values
    run.compare('s3tokenizer.c_logmel', c, tokenizer.readFloat32('c_logmel'), 3e-4)

    const prompt = run.fixture('s3gen_mel')
    run.compare('s3gen_mel.b_mel', promptMel(recording(run, 'ref_b_24k')).values, prompt.readFloat32('b_mel'), 4e-3)
    const tenSeconds = promptMel(recording(run, 'ref_a_24k').subarray(0, 240000)).values
    run.compare('s3gen_mel.a10s_mel', tenSeconds, prompt.readFloat32('a10s_mel'), 4e-3)

    const speaker = run.fixture('campplus')
    const features = kaldiFbank(speech)
    run.compare('campplus.b_fbank', features.values, speaker.readFloat32('b_fbank'), 3e-3)
    subtractTimeMean(features)
    run.compare('campplus.b_features', features.values, speaker.readFloat32('b_features'), 3e-3)

    const voice = run.fixture('voice_encoder')
    const compareVoice = (name: string, samples: Float32Array, tolerance: number) => {
      const { begin, end } = findSpeech(samples)
      run.compare(`voice_encoder.${name}_trim`, [begin, end], Array.from(voice.readInt64(`${name}_trim`), Number), 0)
      const mel = voiceMel(samples.subarray(begin, end)).values
      run.compare(`voice_encoder.${name}_mel`, mel, voice.readFloat32(`${name}_mel`), tolerance)
    }
    compareVoice('b', recording(run, 'ref_b_16k_soxr'), 8e-5)
    compareVoice('short', sliceOf(run, cases.ve.short_source), 1e-6)
  },
}

const excerpt = (run: ParityRun, { source, start, end, pregain }: Excerpt): Float32Array =>
  recording(run, source)
    .slice(start, end)
    .map((sample) => sample * pregain)

const nameOf = ({ source, start, end }: Excerpt): string => `${source} ${start}–${end}`

/** A Blackman-windowed sinc of 513 taps; `cutoff` over the Nyquist frequency. */
function lowPass(signal: Float32Array, cutoff: number): Float64Array {
  const half = 256
  const taps = Float64Array.from({ length: 2 * half + 1 }, (_, i) => {
    const t = i - half
    const window = 0.42 + 0.5 * Math.cos((Math.PI * t) / half) + 0.08 * Math.cos((2 * Math.PI * t) / half)
    return window * (t === 0 ? cutoff : Math.sin(Math.PI * cutoff * t) / (Math.PI * t))
  })
  return Float64Array.from(signal, (_, n) => taps.reduce((sum, tap, i) => sum + tap * (signal[n + i - half] ?? 0), 0))
}
