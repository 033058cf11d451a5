// Does a compiled model speak? Asked of the real engine in its own process, before the model takes the place of an older one.
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { performance } from 'node:perf_hooks'
import { decodeAudio } from '../audio/decode/decode.ts'
import { concatSamples } from '../audio/pcm.ts'
import { packageRoot } from '../config.ts'
import { BundleError, DEFAULT_VOICE_FILE, openBundle } from '../engine/bundle.ts'
import { fromVoice } from '../engine/chatterbox/voice/conditionals.ts'
import type { Engine, Piece } from '../engine/engine.ts'
import { createEngineHandle } from '../engine/engine-handle.ts'
import { readVoice } from '../engine/voice-file.ts'
import { AppError } from '../errors.ts'
import type { Log } from '../log.ts'

export interface SelfTestReport {
  readonly loadSeconds: number
  readonly encodeSeconds: number
  /** For both renditions together. */
  readonly speakSeconds: number
  readonly audioSeconds: number
}

/** The model was compiled and does not work; it has replaced nothing. */
export class SelfTestError extends Error {
  constructor(problem: string, options: ErrorOptions = {}) {
    super(`The compiled model failed its self-test: ${problem}. What was installed before is unchanged.`, options)
    this.name = 'SelfTestError'
  }
}

const REFERENCE_FILE = path.join(packageRoot, 'assets/reference.wav')
const DECODE_LIMITS = { maxSeconds: 60, cpuMs: 20_000 }
/** So short that the guards end it after 121 tokens, 4.8 s, even where the model would babble on. */
const SENTENCE = 'Hi there.'
const PLAUSIBLE_SECONDS = { least: 0.2, most: 5 } as const
const SAMPLING = { temperature: 0.8, topP: 0.95, topK: 1000, minP: 0, repetitionPenalty: 1.2 } as const
/** Softer than this at its loudest is nothing that anybody could hear. */
const LEAST_PEAK = 1e-4

/**
 * Loads the bundle, encodes the bundled recording and speaks a sentence twice, so every graph runs. Throws SelfTestError saying
 * what is wrong.
 */
export async function testModel(
  folder: string,
  options: { readonly threads: number; readonly log: Log },
  signal: AbortSignal,
): Promise<SelfTestReport> {
  const bundle = await openBundle(folder)
  let crash: string | undefined
  await using engine = createEngineHandle({
    start: { model: bundle.manifest.model, folder, threads: options.threads },
    idleSeconds: 0,
    onStart: () => {},
    onCrash: (_, why) => {
      crash ??= why
    },
    log: options.log,
  })
  try {
    if (bundle.manifest.files.some(({ name }) => name === DEFAULT_VOICE_FILE))
      fromVoice(readVoice(await readFile(bundle.path(DEFAULT_VOICE_FILE))))
    return await tryEngine(engine, signal)
  } catch (error) {
    if (signal.aborted || error instanceof SelfTestError || error instanceof BundleError) throw error
    const died = error instanceof AppError && error.code === 'unavailable' && crash !== undefined
    const problem = died ? `the engine process died (${crash})` : error instanceof Error ? error.message : `${error}`
    throw new SelfTestError(problem.replace(/\.$/, ''), { cause: error })
  }
}

async function tryEngine(engine: Engine, signal: AbortSignal): Promise<SelfTestReport> {
  const begin = performance.now()
  const { sampleRate } = await engine.info()
  const loaded = performance.now()
  const { samples, sampleRate: recordedRate } = await decodeAudio(await readFile(REFERENCE_FILE), DECODE_LIMITS, signal)
  const voice = await engine.encodeVoice({ samples, sampleRate: recordedRate, normLoudness: true }, signal)
  const encoded = performance.now()
  const piece: Piece = { text: SENTENCE, index: 0, voice, sampling: SAMPLING, seed: 1 }
  const first = await speakPiece(engine, piece, signal)
  const problem = problemOf(first, sampleRate)
  if (problem) throw new SelfTestError(problem)
  const second = await speakPiece(engine, piece, signal)
  if (!sameSamples(first, second)) throw new SelfTestError('the same seed gave two different renditions')
  const seconds = (from: number, to: number) => (to - from) / 1000
  return {
    loadSeconds: seconds(begin, loaded),
    encodeSeconds: seconds(loaded, encoded),
    speakSeconds: seconds(encoded, performance.now()),
    audioSeconds: first.length / sampleRate,
  }
}

async function speakPiece(engine: Engine, piece: Piece, signal: AbortSignal): Promise<Float32Array> {
  const chunks: Float32Array[] = []
  for await (const { samples } of engine.synthesize(piece, signal)) chunks.push(samples)
  return concatSamples(chunks)
}

function problemOf(samples: Float32Array, sampleRate: number): string | undefined {
  const bad = samples.findIndex((sample) => !Number.isFinite(sample))
  if (bad >= 0) return `sample ${bad} of what it spoke is ${samples[bad]}`
  const seconds = samples.length / sampleRate
  if (seconds < PLAUSIBLE_SECONDS.least || seconds > PLAUSIBLE_SECONDS.most)
    return `"${SENTENCE}" became ${seconds.toFixed(2)} s of sound`
  const peak = samples.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0)
  return peak < LEAST_PEAK ? 'what it spoke is silence' : undefined
}

const sameSamples = (a: Float32Array, b: Float32Array): boolean =>
  a.length === b.length && a.every((sample, index) => sample === b[index])
