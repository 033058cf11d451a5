// Speech without accounts, credits and jobs: for the command line and for use as a library.
import { performance } from 'node:perf_hooks'
import type { Engine } from '../engine/engine.ts'
import { generate, type Progress } from './generate.ts'
import type { SpeechFacts, SpeechRequest, Voices } from './speech.ts'

export interface LocalSpeech extends Omit<SpeechFacts, 'coldStart'> {
  readonly bytes: Uint8Array
}

/** Speaks `request` and returns the encoded file. Throws AppError as `Speaker.speak` does, less what concerns money and admission. */
export async function speakLocally(
  request: SpeechRequest,
  { engine, voices }: { readonly engine: Engine; readonly voices: Voices },
  onProgress: (progress: Progress) => void,
  signal: AbortSignal,
): Promise<LocalSpeech> {
  const startedAt = performance.now()
  const voice = await voices.find(request.reference, request.normLoudness, signal)
  const referenceSeconds = (performance.now() - startedAt) / 1000
  const { bytes, facts, engineSeconds } = await generate(request, voice, engine, onProgress, signal)
  const totalSeconds = (performance.now() - startedAt) / 1000
  return { ...facts, bytes, timings: { queueSeconds: 0, referenceSeconds, engineSeconds, totalSeconds } }
}
