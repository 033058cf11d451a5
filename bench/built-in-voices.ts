// Makes the recordings of the built-in voices, byte for byte the same every time: `node build/bench/built-in-voices.js` writes them.
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { encodeAudio } from '../src/audio/encode/encoder.ts'
import { PREVIEW_SAMPLE_RATE } from '../src/engine/preview/render.ts'
import { BUILT_IN_VOICES_FOLDER } from '../src/synthesis/built-in-voices.ts'
import { type MadeSpeaker, makeRecording } from './reference-clip.ts'

/** Two things are the same in all: the words, and how loud they are. */
const COMMON = {
  sentences: [
    'Good morning, and thank you for listening.',
    'Whatever you write down here, I will read it aloud for you.',
    'Take your time, there is nobody else waiting in line.',
  ],
  loudnessLufs: -22,
} as const

export const BUILT_IN_SPEAKERS: Readonly<Record<string, MadeSpeaker>> = {
  ada: {
    ...COMMON,
    base: 'awb',
    tractPercent: 124,
    pitchHz: 226,
    pitchDeviationHz: 75,
    stretch: 0.9,
    tiltDbPerOctave: 4.5,
  },
  bruno: {
    ...COMMON,
    base: 'rms',
    tractPercent: 92,
    pitchHz: 86,
    pitchDeviationHz: 30,
    stretch: 1.02,
    tiltDbPerOctave: -1,
  },
  clara: {
    ...COMMON,
    base: 'slt',
    tractPercent: 90,
    pitchHz: 160,
    pitchDeviationHz: 45,
    stretch: 1,
    tiltDbPerOctave: -1.5,
  },
  felix: {
    ...COMMON,
    base: 'awb',
    tractPercent: 102,
    pitchHz: 132,
    pitchDeviationHz: 60,
    stretch: 0.92,
    tiltDbPerOctave: 1,
  },
}

/** The bytes of the FLAC file of each, by its id. */
export async function makeBuiltInVoices(): Promise<ReadonlyMap<string, Uint8Array>> {
  const files = new Map<string, Uint8Array>()
  for (const [id, speaker] of Object.entries(BUILT_IN_SPEAKERS)) {
    files.set(id, await encodeAudio(await makeRecording(speaker), PREVIEW_SAMPLE_RATE, 'flac'))
  }
  return files
}

if (process.argv[1] === import.meta.filename) {
  for (const [id, bytes] of await makeBuiltInVoices())
    await writeFile(path.join(BUILT_IN_VOICES_FOLDER, `${id}.flac`), bytes)
}
