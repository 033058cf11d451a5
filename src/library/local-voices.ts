// Engine and voices without database and accounts: what the library and the command line speak with.
import { type Config, userCacheDir } from '../config.ts'
import { chooseEngine } from '../engine/choose-engine.ts'
import type { Engine } from '../engine/engine.ts'
import type { EngineStart } from '../engine/engine-messages.ts'
import type { Log } from '../log.ts'
import { createMetrics, type Metrics } from '../metrics.ts'
import { createEngine, createVoicesOf, engineWish, findDefaultVoice } from '../synthesis/open-engine.ts'
import type { Voices } from '../synthesis/speech.ts'
import type { StoredReferences } from '../synthesis/stored-references.ts'

export interface LocalVoices extends AsyncDisposable {
  readonly engine: Engine
  readonly voices: Voices
}

export interface LocalPlaces {
  /** In place of the model that the settings choose. */
  readonly start?: EngineStart | undefined
  /** Where encoded voices are kept, in a subfolder. Default: the user's cache. */
  readonly dataDir?: string | undefined
}

const NOTHING_STORED: StoredReferences = {
  readUpload: async () => undefined,
  readOutput: async () => undefined,
  readVoice: async () => undefined,
}

/** Nobody reads them; and each would watch the whole process. */
let unread: Metrics | undefined

/** Throws BundleError where a model is wished for by name and not there. Nothing is loaded before it is needed. */
export async function openLocalVoices(config: Config, log: Log, places: LocalPlaces = {}): Promise<LocalVoices> {
  unread ??= createMetrics()
  const start = places.start ?? (await chooseEngine(engineWish(config)))
  const defaultVoiceFile = await findDefaultVoice(start)
  const engine = createEngine(start, config, log, unread)
  const ours = { ...config, DATA_DIR: places.dataDir ?? userCacheDir }
  const voices = createVoicesOf({ config: ours, log, metrics: unread, engine, defaultVoiceFile }, NOTHING_STORED)
  return { engine, voices, [Symbol.asyncDispose]: () => engine[Symbol.asyncDispose]() }
}
