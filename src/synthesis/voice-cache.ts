// Encoded voices by content: the same recording, treated the same way by the same engine, is encoded once. First memory, then
// disk, then the engine, and whoever asks while that is under way gets the same result.
import { createHash, webcrypto } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import type { EngineInfo, Voice } from '../engine/engine.ts'
import type { Log } from '../log.ts'
import type { Metrics } from '../metrics.ts'
import { createVoiceFolder } from './voice-folder.ts'

// Of a whole voice that is not in its tensors: names, shapes, metadata, the entry itself.
const BYTES_PER_ENTRY = 2048

/** Everything an encoded voice depends on. */
export interface VoiceOrigin {
  /** The reference recording's file as it came, not decoded: a hit costs neither decoding nor checking. */
  readonly reference: Uint8Array
  readonly normLoudness: boolean
  readonly engine: EngineInfo
}

export interface VoiceCache {
  /**
   * The voice of `origin`, from `encode` if need be. `encode` runs once however many callers wait, goes on when some of them
   * leave, and its signal is aborted when the last one has left. A failure reaches every waiter and is not remembered.
   */
  find(origin: VoiceOrigin, encode: (signal: AbortSignal) => Promise<Voice>, signal: AbortSignal): Promise<Voice>
}

export interface VoiceCacheOptions {
  readonly folder: string
  readonly memoryBytes: number
  readonly diskBytes: number
  readonly metrics: Pick<Metrics, 'voiceCache'>
  readonly log: Log
}

interface Flight {
  readonly voice: Promise<Voice>
  readonly stop: AbortController
  waiters: number
}

export function createVoiceCache(options: VoiceCacheOptions): VoiceCache {
  const { metrics } = options
  const disk = createVoiceFolder(options.folder, options.diskBytes, options.log)
  const memory = new LRUCache<string, Voice>({ maxSize: options.memoryBytes, sizeCalculation: bytesOf })
  const flights = new Map<string, Flight>()

  const load = async (key: string, encode: (signal: AbortSignal) => Promise<Voice>, signal: AbortSignal) => {
    const stored = await disk.read(key)
    metrics.voiceCache.inc({ result: stored ? 'disk' : 'miss' })
    const voice = stored ?? (await encode(signal))
    memory.set(key, voice)
    if (!stored) await disk.write(key, voice)
    return voice
  }

  const takeOff = (key: string, encode: (signal: AbortSignal) => Promise<Voice>): Flight => {
    const stop = new AbortController()
    const flight = { voice: load(key, encode, stop.signal), stop, waiters: 0 }
    flights.set(key, flight)
    const land = () => {
      if (flights.get(key) === flight) flights.delete(key)
    }
    flight.voice.then(land, land)
    return flight
  }

  return {
    async find(origin, encode, signal) {
      const key = await keyOf(origin)
      signal.throwIfAborted()
      const known = memory.get(key)
      const running = flights.get(key)
      if (known || running) metrics.voiceCache.inc({ result: 'memory' })
      if (known) return known
      const flight = running ?? takeOff(key, encode)
      flight.waiters += 1
      try {
        return await unlessAborted(flight.voice, signal)
      } finally {
        flight.waiters -= 1
        if (flight.waiters === 0 && flights.get(key) === flight) {
          // Nobody may join a flight that is being called back.
          flights.delete(key)
          flight.stop.abort(signal.reason)
        }
      }
    },
  }
}

/** The file is hashed off the event loop: 32 MiB would hold it for tens of milliseconds. */
async function keyOf({ reference, normLoudness, engine }: VoiceOrigin): Promise<string> {
  const content = Buffer.from(await webcrypto.subtle.digest('SHA-256', reference)).toString('hex')
  const whole = JSON.stringify([content, normLoudness, engine.model, engine.version])
  return createHash('sha256').update(whole).digest('hex')
}

function bytesOf(voice: Voice): number {
  const tensors = Object.values(voice.tensors)
  return tensors.reduce((total, tensor) => total + tensor.data.byteLength, BYTES_PER_ENTRY)
}

function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const leave = () => reject(signal.reason)
    signal.addEventListener('abort', leave, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', leave))
  })
}
