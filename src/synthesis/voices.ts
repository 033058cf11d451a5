// From a reference to an encoded voice: resolve; a voice file is that already; else look in the cache, or decode, check and encode.
import type { Engine, EngineInfo, Voice } from '../engine/engine.ts'
import { isVoiceFile, readVoice } from '../engine/voice-file.ts'
import { type ReferenceDeps, rejectReference, resolveReference } from './reference-audio.ts'
import { decodeReference } from './reference-recording.ts'
import { withWarnings } from './reference-warnings.ts'
import type { Voices } from './speech.ts'
import type { VoiceCache } from './voice-cache.ts'

/** Whether a reference is a voice file, to be read and never decoded as audio. */
export const isEncodedVoice = isVoiceFile

export interface VoicesDeps {
  readonly references: ReferenceDeps
  readonly cache: VoiceCache
  readonly engine: Engine
  readonly maxReferenceSeconds: number
}

export function createVoices({ references, cache, engine, maxReferenceSeconds }: VoicesDeps): Voices {
  return {
    find: async (source, normLoudness, signal) => {
      const reference = await resolveReference(source, references, signal)
      const info = await engine.info()
      if (isVoiceFile(reference)) return readVoiceFor(info, reference)
      const encode = async (encodeSignal: AbortSignal) => {
        const recording = await decodeReference(reference, maxReferenceSeconds, encodeSignal)
        const { samples, sampleRate, warnings } = recording
        return withWarnings(await engine.encodeVoice({ samples, sampleRate, normLoudness }, encodeSignal), warnings)
      }
      return cache.find({ reference, normLoudness, engine: info }, encode, signal)
    },
  }
}

/** What the tensors must be, only the engine knows; it looks at them again. */
function readVoiceFor({ model, version }: EngineInfo, file: Uint8Array): Voice {
  const voice = readVoice(file)
  if (voice.model === model && voice.version === version) return voice
  throw rejectReference(
    `The voice file was made by ${voice.model}, version ${voice.version}; this is ${model}, version ${version}. Send the recording, or encode it again.`,
  )
}
