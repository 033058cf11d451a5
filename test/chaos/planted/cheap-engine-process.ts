// Entry of an engine process for the kill loop: speaks in tones, which are different for every piece, voice and seed; takes its time, so that
// there is a middle to be killed in; and dies of POISON every time.
import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Engine } from '../../../src/engine/engine.ts'
import { serveEngine } from '../../../src/engine/engine-server.ts'
import { sine } from '../../harness/signals.ts'
import { POISON, SLOWLY } from '../orders.ts'

const SAMPLE_RATE = 24_000
const CHUNKS = 4
const CHUNK_MS = 40
const SLOW_CHUNK_MS = 400

const hashOf = (...parts: (string | Uint8Array)[]): Buffer => {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest()
}

const engine: Engine = {
  info: async () => ({ model: 'preview', version: 'tones', sampleRate: SAMPLE_RATE, slots: 2 }),
  encodeVoice: async ({ samples }) => {
    const heard = hashOf(new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength)).toString('hex')
    return { model: 'preview', version: 'tones', tensors: {}, metadata: { heard } }
  },
  async *synthesize({ text, index, seed, voice }, signal) {
    if (text.includes(POISON)) process.kill(process.pid, 'SIGKILL')
    const tones = hashOf(text, `/${index}/${seed}/`, voice.metadata.heard ?? '')
    for (let chunk = 0; chunk < CHUNKS; chunk++) {
      await sleep(text.includes(SLOWLY) ? SLOW_CHUNK_MS : CHUNK_MS, undefined, { signal })
      const hertz = 100 + tones.readUInt16LE(2 * chunk) / 20
      yield { samples: sine(hertz, 0.1, SAMPLE_RATE), guards: [] }
    }
  },
  async [Symbol.asyncDispose]() {},
}

await serveEngine(Promise.resolve(engine))
