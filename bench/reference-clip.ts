// Makes recordings of people who do not exist: a Flite voice with another vocal tract, pitch and colour. `node
// build/bench/reference-clip.js` writes assets/reference.wav with them, byte for byte the same every time; built-in-voices.ts and tests
// take others.
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { encodeAudio } from '../src/audio/encode/encoder.ts'
import { applyFilter, designFilter } from '../src/audio/fir.ts'
import { integratedLoudness } from '../src/audio/loudness.ts'
import { packageRoot } from '../src/config.ts'
import { type FliteVoice, loadFlite } from '../src/engine/preview/flite.ts'
import { PREVIEW_SAMPLE_RATE, shapeTract } from '../src/engine/preview/render.ts'

export interface MadeSpeaker {
  /** The Flite voice it is made of; `awb` unless told. */
  readonly base?: FliteVoice
  readonly sentences: readonly string[]
  /** Formants in percent of the base's: more is a shorter vocal tract. */
  readonly tractPercent: number
  readonly pitchHz: number
  readonly pitchDeviationHz: number
  /** 1 is the base's own tempo. */
  readonly stretch: number
  /** Gain in dB over frequency: a straight line over octaves from 500 Hz. */
  readonly tiltDbPerOctave: number
  readonly loudnessLufs: number
}

export const REFERENCE_CLIP = path.join(packageRoot, 'assets/reference.wav')

const BUNDLED_SPEAKER: MadeSpeaker = {
  sentences: [
    'Hello, and welcome.',
    'This is the voice you hear when you bring none of your own.',
    'It was made from sums alone, so there is nobody to ask, and nobody to pay.',
  ],
  tractPercent: 114,
  pitchHz: 178,
  pitchDeviationHz: 55,
  stretch: 1,
  tiltDbPerOctave: 2,
  loudnessLufs: -20,
}

/** A made-up speaker's recording: mono at 24 kHz, a breath of silence at both ends. */
export async function makeRecording(speaker: MadeSpeaker): Promise<Float32Array> {
  const scale = speaker.tractPercent / 100
  const flite = await loadFlite()
  const speech = flite(speaker.sentences, {
    voice: speaker.base ?? 'awb',
    durationStretch: speaker.stretch * scale,
    pitch: { meanHz: speaker.pitchHz / scale, deviationHz: speaker.pitchDeviationHz / scale },
  })
  const tilt = designFilter(255, PREVIEW_SAMPLE_RATE, (hz) => {
    const octaves = Math.log2(Math.min(Math.max(hz, 100), 9000) / 500)
    return hz < 60 ? 0 : 10 ** ((speaker.tiltDbPerOctave * octaves) / 20)
  })
  const samples = applyFilter(shapeTract(speech, speaker.tractPercent), tilt)
  const gain = 10 ** ((speaker.loudnessLufs - integratedLoudness(samples, PREVIEW_SAMPLE_RATE, 'itu')) / 20)
  return samples.map((sample) => Math.max(-0.98, Math.min(0.98, sample * gain)))
}

/** The bytes of assets/reference.wav. */
export async function makeReferenceClip(): Promise<Uint8Array> {
  return encodeAudio(await makeRecording(BUNDLED_SPEAKER), PREVIEW_SAMPLE_RATE, 'wav')
}

if (process.argv[1] === import.meta.filename) await writeFile(REFERENCE_CLIP, await makeReferenceClip())
