// Recordings of two people who do not exist, as references for tests: one high voice, one low one.
import { type MadeSpeaker, makeRecording } from '../../bench/reference-clip.ts'

const SENTENCES = [
  'Four hours of steady work faced us.',
  'The boy was there when the sun rose.',
  'Help the woman get back to her feet.',
  'What joy there is in living.',
]

const SPEAKERS = {
  high: {
    sentences: SENTENCES,
    tractPercent: 118,
    pitchHz: 215,
    pitchDeviationHz: 80,
    stretch: 0.95,
    tiltDbPerOctave: 3,
    loudnessLufs: -18,
  },
  low: {
    sentences: SENTENCES,
    tractPercent: 95,
    pitchHz: 98,
    pitchDeviationHz: 40,
    stretch: 1.05,
    tiltDbPerOctave: -1.5,
    loudnessLufs: -27,
  },
} as const satisfies Record<string, MadeSpeaker>

export type SpeakerName = keyof typeof SPEAKERS
export const SPEAKER_NAMES: readonly SpeakerName[] = ['high', 'low']

/** The recording of a made-up speaker: mono, 24 kHz, about 9 s; its loudness in LUFS is `loudnessOf`. */
export function recordSpeaker(name: SpeakerName): Promise<Float32Array> {
  return makeRecording(SPEAKERS[name])
}

export function loudnessOf(name: SpeakerName): number {
  return SPEAKERS[name].loudnessLufs
}
