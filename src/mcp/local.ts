// Speaks on this machine, without a server.
import type { SpeechEngine } from '../library/library.ts'
import { BUILT_IN_VOICES } from '../synthesis/built-in-voices.ts'
import { kindOfVoice, type ToolSpeaker } from './speaker.ts'

/** `engine` is ended with it. */
export const speakHere = (engine: SpeechEngine): ToolSpeaker => ({
  speak: ({ text, voice, seed, format }, onProgress, signal) =>
    engine.render(text, {
      voice: voice !== undefined && kindOfVoice(voice) === 'id' ? `voice:${voice}` : voice,
      seed,
      format,
      signal,
      onProgress: ({ piecesDone, pieces }) => onProgress(piecesDone, pieces),
    }),
  listVoices: async () => BUILT_IN_VOICES.map(({ id, name, description }) => ({ id, name, description })),
  [Symbol.asyncDispose]: () => engine[Symbol.asyncDispose](),
})
