// From a reference to an encoded voice: resolve, look in the cache, else decode, check and encode.
import type { Engine } from '../engine/engine.ts'
import { checkReferenceForm, type ReferenceDeps, resolveReference } from './reference-audio.ts'
import { decodeReference } from './reference-recording.ts'
import type { Voices } from './speech.ts'
import type { VoiceCache } from './voice-cache.ts'

export interface VoicesDeps {
  readonly references: ReferenceDeps
  readonly cache: VoiceCache
  readonly engine: Engine
  readonly maxReferenceSeconds: number
}

export function createVoices({ references, cache, engine, maxReferenceSeconds }: VoicesDeps): Voices {
  return {
    checkForm: (reference) => checkReferenceForm(reference, references),
    find: async (source, normLoudness, signal) => {
      const reference = await resolveReference(source, references, signal)
      const encode = async (encodeSignal: AbortSignal) => {
        const { samples, sampleRate } = await decodeReference(reference, maxReferenceSeconds, encodeSignal)
        return engine.encodeVoice({ samples, sampleRate, normLoudness }, encodeSignal)
      }
      return cache.find({ reference, normLoudness, engine: await engine.info() }, encode, signal)
    },
  }
}
