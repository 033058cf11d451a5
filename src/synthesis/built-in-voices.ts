// The voices that come with the program. Nobody's: bench/built-in-voices.ts makes their recordings from sums (assets/README.md).
import path from 'node:path'
import { packageRoot } from '../config.ts'

export interface BuiltInVoice {
  /** Short and speakable; no stored voice can have it, those have 32 hex digits. */
  readonly id: string
  readonly name: string
  readonly description: string
  /** What it is encoded from; none: the voice that comes with the model in use. */
  readonly file?: string
  /** Of the recording. */
  readonly seconds?: number
}

export const DEFAULT_VOICE_ID = 'default'
export const BUNDLED_VOICE_FILE: string = path.join(packageRoot, 'assets/reference.wav')
/** Of all recordings of built-in voices but the bundled one. */
export const BUILT_IN_VOICES_FOLDER: string = path.join(packageRoot, 'assets/voices')

const made = (id: string, seconds: number, description: string): BuiltInVoice => ({
  id,
  name: id.replace(/^./, (letter) => letter.toUpperCase()),
  description,
  file: path.join(BUILT_IN_VOICES_FOLDER, `${id}.flac`),
  seconds,
})

/** As they are listed. */
export const BUILT_IN_VOICES: readonly BuiltInVoice[] = [
  {
    id: DEFAULT_VOICE_ID,
    name: 'Default',
    description: 'The voice that comes with the model in use; where it has none, Iris.',
  },
  {
    id: 'iris',
    name: 'Iris',
    description: 'Bright and even.',
    file: BUNDLED_VOICE_FILE,
    seconds: 9.59,
  },
  made('ada', 8.53, 'High, quick and clear.'),
  made('bruno', 10.78, 'Deep and unhurried.'),
  made('clara', 9.39, 'Warm, in the middle of the range.'),
  made('felix', 8.72, 'Light and lively.'),
]

export const findBuiltInVoice = (id: string): BuiltInVoice | undefined =>
  BUILT_IN_VOICES.find((voice) => voice.id === id)
