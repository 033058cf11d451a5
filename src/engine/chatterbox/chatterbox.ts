// Chatterbox as an Engine: a compiled model on disk, a reference recording in, speech in its voice out.
import { availableParallelism } from 'node:os'
import { AppError } from '../../errors.ts'
import { modelReplaced, openBundle } from '../bundle.ts'
import type { AudioChunk, Engine, EngineInfo, Voice } from '../engine.ts'
import { randomNumbers } from '../random.ts'
import { createOneAtATime } from '../runtime/one-at-a-time.ts'
import { normalizePunctuation } from '../text/normalize.ts'
import { hasWords } from '../text/pieces.ts'
import { BRACKETED, recognizeTag } from '../text/tags.ts'
import { bestAttempt } from './attempts.ts'
import { fadeOut } from './decoder/fade-out.ts'
import { SAMPLE_RATE } from './decoder/frame-rates.ts'
import { SpeechDecoder } from './decoder/speech-decoder.ts'
import { mostTokens, trimTrailingSilence } from './guards.ts'
import { speakEarly } from './speak-early.ts'
import { readTokenizer } from './text/tokenizer.ts'
import { SpeechLm } from './tokens/speech-lm.ts'
import { fromVoice, toVoice } from './voice/conditionals.ts'
import { prepareConditionals } from './voice/prepare-conditionals.ts'
import { VoiceNetworks } from './voice/voice-networks.ts'

export interface ChatterboxOptions {
  /** Threads inside one operator; 0 is one per processor, at most 8 – a step reads memory, which more would not speed up. */
  readonly threads: number
}

const MOST_THREADS = 8
/** Pieces of one text that are spoken at the same time: four make twice the tokens a second of one, eight little more. */
const SLOTS = 4
/** One more sequence fits, so that a request that comes while a long text fills all slots is not kept waiting for a place. */
const SEQUENCES = SLOTS + 1
/** A voice of 376, a long sentence of 160 and the longest utterance of 1000. */
const POSITIONS = 1536
/** Three Turbo voices or eight Nano voices stay prefilled. */
const VOICE_CACHE_BYTES = 224e6

/** Purposes of random numbers, one per attempt at a piece; those of the decoder begin at 0x200. */
const TOKEN_DRAWS = 0x100

/** Loads a bundle; that blocks the calling thread for a second or more. Throws BundleError if it cannot be used. */
export async function createChatterboxEngine(folder: string, options: ChatterboxOptions): Promise<Engine> {
  const bundle = await openBundle(folder)
  const { model, version, precision } = bundle.manifest
  // In int4 a piece sounds different in company: pieces of one text must not meet by chance.
  const slots = precision === 'int4' ? 1 : SLOTS
  const info: EngineInfo = { model, version, sampleRate: SAMPLE_RATE, slots }
  const graphFile = (name: string): string => bundle.path(`${name}.onnx`)
  const threads = options.threads || Math.min(MOST_THREADS, availableParallelism())
  const tokenizer = await readTokenizer(folder)
  const lm = await SpeechLm.open(graphFile, {
    threads,
    slots: SEQUENCES,
    positions: POSITIONS,
    voiceCacheBytes: VOICE_CACHE_BYTES,
  })
  const decoder = await SpeechDecoder.open(graphFile, { threads }).catch(async (error: unknown) => {
    await lm[Symbol.asyncDispose]()
    throw error
  })
  const oneAtATime = createOneAtATime()

  return {
    info: async () => info,
    encodeVoice: (recording, signal) =>
      oneAtATime(
        async () => {
          try {
            return toVoice(
              await prepareConditionals(recording, new VoiceNetworks(graphFile, { threads }), signal),
              info,
            )
          } finally {
            // The networks were opened one after another; whatever came of it, it counts only if all were of one model.
            await demandVersion(folder, version)
          }
        },
        signal,
        'urgent',
      ),
    async *synthesize(piece, signal): AsyncGenerator<AudioChunk> {
      checkVoice(piece.voice, info)
      if (!hasWords(piece.text)) return
      const text = canonicalTags(normalizePunctuation(piece.text))
      const voice = fromVoice(piece.voice, lm.speakerEmbeddingSize)
      const request = {
        textTokens: tokenizer.encode(text),
        voice,
        sampling: piece.sampling,
        maxTokens: mostTokens(text),
      }
      const attempt = (index: number, stop: AbortSignal, onToken?: (token: number) => void) => {
        const { uniform } = randomNumbers(piece.seed, piece.index, TOKEN_DRAWS + index)
        return lm.generate({ ...request, uniform, onToken }, stop)
      }
      const seed = { seed: piece.seed, pieceIndex: piece.index }
      // Whoever has heard nothing yet, or hears a piece while it is spoken, goes before those who wait for later pieces: the decodings of a
      // long text would otherwise double a short one's time.
      const urgency = piece.index === 0 || piece.latency === 'low' ? 'urgent' : 'patient'
      if (piece.latency === 'low') {
        const stream = decoder.stream(voice.decoder, seed)
        yield* speakEarly(
          (onToken, stop) => attempt(0, stop, onToken),
          stream,
          (task) => oneAtATime(task, signal, urgency),
          signal,
        )
        return
      }
      const { tokens, guards } = await bestAttempt(text, (index) => attempt(index, signal))
      const decoded = await oneAtATime(() => decoder.decode(tokens, voice.decoder, seed, signal), signal, urgency)
      const samples = trimTrailingSilence(decoded)
      fadeOut(samples)
      yield { samples, guards: samples === decoded ? guards : [...guards, 'trailing-silence-trimmed'] }
    },
    async [Symbol.asyncDispose]() {
      await lm[Symbol.asyncDispose]()
      await decoder[Symbol.asyncDispose]()
    },
  }
}

/** Voices are made by the model that answers, never by one that has taken its folder since it was loaded. */
async function demandVersion(folder: string, version: string): Promise<void> {
  const found = await openBundle(folder)
  if (found.manifest.version !== version) throw modelReplaced()
}

function checkVoice(voice: Voice, { model, version }: EngineInfo): void {
  if (voice.model === model && voice.version === version) return
  throw new AppError(
    'invalid_reference_audio',
    'This voice was made by another model. Please send the recording again.',
    {
      param: 'reference_audio',
    },
  )
}

/** `[ Laugh ]` → `[laugh]`: only so written is a tag a token of its own. */
function canonicalTags(text: string): string {
  return text.replaceAll(BRACKETED, (whole, inside: string) =>
    recognizeTag(inside) ? `[${inside.trim().toLowerCase().replace(/\s+/g, ' ')}]` : whole,
  )
}
