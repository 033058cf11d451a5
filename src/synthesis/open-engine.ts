// What speaks, from the settings: the engine in its process and the voices that it is given. The same for a server, the command line and
// whoever uses the library.
import path from 'node:path'
import { type Config, modelDirOf } from '../config.ts'
import { DEFAULT_VOICE_FILE, openBundle } from '../engine/bundle.ts'
import type { EngineWish } from '../engine/choose-engine.ts'
import type { Engine } from '../engine/engine.ts'
import { createEngineHandle, type EngineHandle } from '../engine/engine-handle.ts'
import type { EngineStart } from '../engine/engine-messages.ts'
import type { Log } from '../log.ts'
import type { Metrics } from '../metrics.ts'
import { createFetcher, type Fetcher } from '../outbound/guarded-fetch.ts'
import { BUNDLED_VOICE_FILE } from './built-in-voices.ts'
import type { Voices } from './speech.ts'
import type { StoredReferences } from './stored-references.ts'
import { createVoiceCache } from './voice-cache.ts'
import { createVoices } from './voices.ts'

export const engineWish = (config: Config): EngineWish => ({
  model: config.MODEL,
  modelDir: modelDirOf(config),
  threads: config.ENGINE_THREADS,
})

export const createEngine = (start: EngineStart, config: Config, log: Log, metrics: Metrics): EngineHandle =>
  createEngineHandle({
    start,
    idleSeconds: config.ENGINE_IDLE_SECONDS,
    onStart: () => metrics.engineStarts.inc(),
    onCrash: () => metrics.engineCrashes.inc(),
    log,
  })

/** The voice that came with the model, or else the bundled recording. */
export async function findDefaultVoice(start: EngineStart): Promise<string> {
  if (start.model === 'preview') return BUNDLED_VOICE_FILE
  const bundle = await openBundle(start.folder)
  const has = bundle.manifest.files.some(({ name }) => name === DEFAULT_VOICE_FILE)
  return has ? bundle.path(DEFAULT_VOICE_FILE) : BUNDLED_VOICE_FILE
}

export interface VoiceParts {
  readonly config: Config
  readonly log: Log
  readonly metrics: Metrics
  readonly engine: Engine
  readonly defaultVoiceFile: string
}

export function createVoicesOf(
  { config, log, metrics, engine, defaultVoiceFile }: VoiceParts,
  stored: StoredReferences,
): Voices {
  const folder = path.join(path.resolve(config.DATA_DIR), 'voices')
  return createVoices({
    engine,
    maxReferenceSeconds: config.MAX_REFERENCE_SECONDS,
    cache: createVoiceCache({
      folder,
      memoryBytes: config.VOICE_CACHE_MB * 2 ** 20,
      diskBytes: config.VOICE_CACHE_DISK_MB * 2 ** 20,
      metrics,
      log,
    }),
    references: {
      fetcher: createReferenceFetcher(config),
      maxBytes: config.MAX_BODY_MB * 2 ** 20,
      ...stored,
      defaultVoiceFile,
    },
  })
}

/** What fetches the recordings that callers name by URL. */
export const createReferenceFetcher = (config: Config): Fetcher =>
  createFetcher({
    allowHttp: config.REFERENCE_ALLOW_HTTP,
    allowPrivate: config.REFERENCE_ALLOW_PRIVATE,
    timeoutMs: config.REFERENCE_FETCH_TIMEOUT_SECONDS * 1000,
    maxBytes: config.MAX_BODY_MB * 2 ** 20,
  })
