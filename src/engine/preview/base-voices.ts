// The two Flite voices that matching starts from, measured once: Flite is deterministic, so the numbers are constants.
// test/engine/preview/base-voices.test.ts measures them again.

export interface BaseVoice {
  readonly name: 'slt' | 'rms'
  readonly pitchHz: number
  readonly spreadSemitones: number
  readonly upperFormantsHz: readonly [number, number]
  readonly syllablesPerSecond: number
  /**
   * How far its vocal tract is bent, as factors of its formants. Only towards the other voice: bent outwards, a recogniser loses
   * 7 points of words for 5 % (docs/lab-notes.md).
   */
  readonly tractRange: readonly [number, number]
  /** Root mean square of its speech. */
  readonly speechLevel: number
  /** Whether Flite itself can give the voice another pitch contour; else PSOLA does. */
  readonly nativePitch: boolean
}

/** Harvard sentences (IEEE 1969, list 1 and 2): all sounds of English in natural proportion, 15 s of speech. */
export const CALIBRATION_SENTENCES: readonly string[] = [
  'The birch canoe slid on the smooth planks.',
  'Rice is often served in round bowls.',
  'The juice of lemons makes fine punch.',
  'The source of the huge river is the clear spring.',
  'Kick the ball straight and follow through.',
  'A pot of tea helps to pass the evening.',
]

export const BASE_VOICES: readonly BaseVoice[] = [
  {
    name: 'slt',
    pitchHz: 173.3,
    spreadSemitones: 1.146,
    upperFormantsHz: [3102, 4084],
    syllablesPerSecond: 4.91,
    tractRange: [0.84, 1],
    speechLevel: 0.163,
    nativePitch: true,
  },
  {
    name: 'rms',
    pitchHz: 101.4,
    spreadSemitones: 2.018,
    upperFormantsHz: [2677, 3736],
    syllablesPerSecond: 3.957,
    tractRange: [1, 1.22],
    speechLevel: 0.088,
    nativePitch: false,
  },
]
