// Speech as functions: no server, no database, no account. The package's own export.
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { AUDIO_FORMATS, type AudioFormat } from '../audio/formats.ts'
import { type Config, readConfig } from '../config.ts'
import { BundleError, openBundle } from '../engine/bundle.ts'
import { chooseEngine } from '../engine/choose-engine.ts'
import type { ModelName } from '../engine/engine.ts'
import type { EngineStart } from '../engine/engine-messages.ts'
import { writeVoice } from '../engine/voice-file.ts'
import { AppError } from '../errors.ts'
import { createLog, type Log } from '../log.ts'
import { chooseSeed } from '../synthesis/generate.ts'
import { type LocalSpeech, speakLocally } from '../synthesis/local-speaker.ts'
import { engineWish } from '../synthesis/open-engine.ts'
import { piecesOf, speakPieces } from '../synthesis/speak-pieces.ts'
import { type LocalVoices, openLocalVoices } from './local-voices.ts'
import {
  type EngineOptions,
  type RenderOptions,
  readRequest,
  readVoice,
  type SpeakOptions,
  type StreamOptions,
  type VoiceReference,
} from './options.ts'

export { AppError, type ErrorCode } from '../errors.ts'
export type {
  AudioFormat,
  EngineOptions,
  LocalSpeech,
  ModelName,
  RenderOptions,
  SpeakOptions,
  StreamOptions,
  VoiceReference,
}
export { BundleError }

export interface AudioPiece {
  /** Mono, full scale ±1. Pieces joined as they come are the whole. */
  readonly samples: Float32Array
  readonly sampleRate: number
  /** Of the piece in the text, from 0; and how many it has. */
  readonly index: number
  readonly pieces: number
  readonly text: string
  /** Nothing more of the piece comes. False in parts of the first two, where low latency was asked for; the last part of each is empty. */
  readonly isLast: boolean
  /** Of the whole: the one really used. */
  readonly seed: number
  /** Rules that changed the outcome, e.g. `token-cap`. */
  readonly guards: readonly string[]
}

export interface EngineFacts {
  readonly model: ModelName
  /** Same version, same input: same samples. */
  readonly version: string
  readonly sampleRate: number
}

export interface SpeechEngine extends AsyncDisposable {
  /** Starts the engine, if it is not running. */
  info(): Promise<EngineFacts>
  /** The text piece by piece, each as soon as it is spoken. Whoever stops reading stops the work. */
  speak(text: string, options?: StreamOptions): AsyncGenerator<AudioPiece, void, void>
  /** The text as a file in memory, and what is known of it. */
  render(text: string, options?: RenderOptions): Promise<LocalSpeech>
  /** The same, written; the ending picks the format where none is given. */
  speakToFile(file: string, text: string, options?: RenderOptions): Promise<Omit<LocalSpeech, 'bytes'>>
  /** A voice file of a recording: `voice` of later calls, as long as the model is the same. */
  encodeVoice(voice: VoiceReference, options?: Pick<SpeakOptions, 'norm_loudness' | 'signal'>): Promise<Uint8Array>
}

/**
 * Opens an engine. It lives in a process of its own, which starts with the first call and has to be ended: `await using`, or
 * `engine[Symbol.asyncDispose]()`. Throws BundleError where the model is not there, is damaged or has another precision. The environment
 * is not read.
 */
export async function createEngine(options: EngineOptions = {}): Promise<SpeechEngine> {
  const { model = 'auto', modelDir, threads, idleSeconds, logLevel = 'error' } = options
  const isFolder = /[\\/]/.test(model)
  const settings = {
    MODEL: isFolder ? undefined : model,
    MODEL_DIR: modelDir,
    ENGINE_THREADS: threads?.toString(),
    ENGINE_IDLE_SECONDS: idleSeconds?.toString(),
    LOG_LEVEL: logLevel,
  }
  const config = readConfig(settings, {})
  const start = isFolder ? await startOf(path.resolve(model), config) : await chooseEngine(engineWish(config))
  if (options.precision) await requirePrecision(start, options.precision)
  const dataDir = options.dataDir === undefined ? undefined : path.resolve(options.dataDir)
  return speakWith(await openLocalVoices(config, createLog(config), { start, dataDir }))
}

/** The same for the command line, by its settings. */
export const openEngine = async (config: Config, log: Log): Promise<SpeechEngine> =>
  speakWith(await openLocalVoices(config, log))

async function startOf(folder: string, { ENGINE_THREADS: threads }: Config): Promise<EngineStart> {
  const { manifest } = await openBundle(folder)
  return { model: manifest.model, folder, threads }
}

async function requirePrecision(start: EngineStart, wanted: string): Promise<void> {
  if (start.model === 'preview') return
  const { manifest } = await openBundle(start.folder)
  if (manifest.precision !== wanted) {
    throw new BundleError(start.folder, `it is ${manifest.precision}, and ${wanted} was asked for`)
  }
}

function speakWith(local: LocalVoices): SpeechEngine {
  const never = new AbortController().signal
  const render: SpeechEngine['render'] = async (text, options = {}) => {
    const { onProgress = () => {}, signal = never } = options
    const request = { ...(await readRequest(text, options)), latency: undefined } // nobody hears a file before it is whole
    return speakLocally(request, local, onProgress, signal).catch(throwReasonOf(signal))
  }
  return {
    async info() {
      const { model, version, sampleRate } = await local.engine.info()
      return { model, version, sampleRate }
    },
    speak: (text, options = {}) => speakByPiece(local, text, options, options.signal ?? never),
    render,
    async speakToFile(file, text, options = {}) {
      const { bytes, ...facts } = await render(text, { ...options, format: options.format ?? formatOf(file) })
      await writeFile(file, bytes)
      return facts
    },
    async encodeVoice(voice, { norm_loudness = true, signal = never } = {}) {
      const encoded = local.voices.find(await readVoice(voice), norm_loudness, signal)
      return writeVoice(await encoded.catch(throwReasonOf(signal)))
    },
    [Symbol.asyncDispose]: () => local[Symbol.asyncDispose](),
  }
}

async function* speakByPiece(
  { engine, voices }: LocalVoices,
  text: string,
  options: StreamOptions,
  signal: AbortSignal,
): AsyncGenerator<AudioPiece, void, void> {
  const request = await readRequest(text, options)
  const voice = await voices.find(request.reference, request.normLoudness, signal).catch(throwReasonOf(signal))
  const { sampleRate } = await engine.info()
  const seed = chooseSeed(request.seed)
  const pieces = piecesOf(request, seed, voice)
  for await (const { index, isLast, samples, guards } of speakPieces(pieces, engine, signal, { isHeard: true })) {
    const { text: spoken = '' } = pieces[index] ?? {}
    yield { samples, sampleRate, index, pieces: pieces.length, text: spoken, isLast, seed, guards }
  }
}

/** Reading a file that is aborted throws an error of its own. */
const throwReasonOf = (signal: AbortSignal) => (error: unknown) => {
  signal.throwIfAborted()
  throw error
}

/** Throws AppError `invalid_parameter` for an ending that says no format. */
export function formatOf(file: string): AudioFormat {
  const ending = path.extname(file).slice(1).toLowerCase()
  const format = AUDIO_FORMATS.find((name) => name === (ending === 'opus' ? 'ogg' : ending))
  if (format) return format
  const endings = AUDIO_FORMATS.map((name) => `.${name}`).join(' ')
  throw new AppError(
    'invalid_parameter',
    `${file}: the ending says no format that can be written; use ${endings}, or give the format.`,
    {
      param: 'file',
    },
  )
}
