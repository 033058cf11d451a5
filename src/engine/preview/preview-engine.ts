// The embedded default engine: English speech by Flite, matched to the reference recording in pitch, range, vocal tract,
// colour, tempo and loudness. A preview, not a clone: whose voice it is, accent and emotion stay Flite's.

import { integratedLoudness } from '../../audio/loudness.ts'
import { resample } from '../../audio/resample.ts'
import { AppError } from '../../errors.ts'
import type { Engine, EngineInfo, ReferenceRecording, Voice } from '../engine.ts'
import { type Flite, loadFlite } from './flite.ts'
import { matchVoice } from './match.ts'
import { createPerformer } from './perform.ts'
import { PREVIEW_SAMPLE_RATE } from './render.ts'
import { profileSpeech } from './speech-profile.ts'
import { writeScript } from './spoken-text.ts'
import { createTurns } from './turns.ts'
import { PREVIEW_VERSION, planToVoice, voiceToPlan } from './voice-plan.ts'

/** More of a long recording would not change the medians, only take time. */
const LONGEST_REFERENCE_SECONDS = 30
/** `normLoudness`: the level of EBU R128. */
const STANDARD_LUFS = -23

/** Loads Flite and gives the engine; it holds nothing that must be closed but is an Engine like any other. */
export async function createPreviewEngine(): Promise<Engine> {
  const flite = await loadFlite()
  const perform = createPerformer(flite)
  const takeTurn = createTurns()
  const info: EngineInfo = { model: 'preview', version: PREVIEW_VERSION, sampleRate: PREVIEW_SAMPLE_RATE, slots: 1 }
  return {
    info: async () => info,
    async encodeVoice(recording, signal) {
      await takeTurn(signal)
      return encode(flite, recording)
    },
    async *synthesize(piece, signal) {
      const plan = voiceToPlan(piece.voice)
      const { items, wordsLeftOut } = writeScript(piece.text)
      if (items.length === 0) {
        throw new AppError(
          'invalid_parameter',
          'There is nothing in this text that the preview voice can speak: it needs English words.',
          { param: 'text' },
        )
      }
      const guards = wordsLeftOut ? ['words-left-out'] : []
      for (const place of items.keys()) {
        await takeTurn(signal)
        yield { samples: perform(plan, piece, items, place), guards: place === 0 ? guards : [] }
      }
    },
    async [Symbol.asyncDispose]() {},
  } satisfies Engine
}

function encode(flite: Flite, recording: ReferenceRecording): Voice {
  const { sampleRate, normLoudness } = recording
  const cropped = recording.samples.subarray(0, LONGEST_REFERENCE_SECONDS * sampleRate)
  const samples = resample(cropped, sampleRate, PREVIEW_SAMPLE_RATE)
  const profile = profileSpeech(samples, PREVIEW_SAMPLE_RATE)
  const loudnessLufs = integratedLoudness(samples, PREVIEW_SAMPLE_RATE, 'itu')
  const formantsFound = profile?.upperFormantsHz.every((hz) => hz > 0)
  if (!profile || !formantsFound || profile.syllablesPerSecond === 0 || !Number.isFinite(loudnessLufs)) {
    throw new AppError(
      'invalid_reference_audio',
      'No speech was found in the reference recording; send one of a person talking.',
      {
        param: 'reference_audio',
      },
    )
  }
  return planToVoice(matchVoice(flite, profile, normLoudness ? STANDARD_LUFS : loudnessLufs))
}
