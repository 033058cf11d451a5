// Entry of an engine process for tests: real process, real messages, but the engine does what the text of a piece tells it to.
import type { AudioChunk, Engine, Piece } from '../../src/engine/engine.ts'
import { serveEngine } from '../../src/engine/engine-server.ts'
import { AppError } from '../../src/errors.ts'

let running = 0
let chunksMade = 0

const engine: Engine = {
  info: async () => ({ model: 'preview', version: 'scripted', sampleRate: 24_000, slots: 1 }),
  /** Tells what this process knows. */
  encodeVoice: async () => ({
    model: 'preview',
    version: 'scripted',
    tensors: {},
    metadata: { environment: JSON.stringify(process.env), running: String(running), chunksMade: String(chunksMade) },
  }),
  async *synthesize(piece, signal) {
    running++
    try {
      yield* act(piece, signal)
    } finally {
      running--
    }
  },
  async [Symbol.asyncDispose]() {},
}

async function* act(piece: Piece, signal: AbortSignal): AsyncGenerator<AudioChunk> {
  const [word, count] = piece.text.split(' ')
  if (word === 'crash') process.kill(process.pid, 'SIGKILL')
  if (word === 'bug') throw new Error('a tensor has the wrong shape')
  if (word === 'refuse') throw new AppError('invalid_parameter', 'Say it in English.', { param: 'text' })
  while (word === 'loop') chunksMade += 0
  if (word === 'compute') {
    const usedMs = () => (process.cpuUsage().user + process.cpuUsage().system) / 1000
    for (const until = usedMs() + Number(count); usedMs() < until; );
    yield { samples: Float32Array.of(Number(count)), guards: [] }
    return
  }
  for (let i = 0; i < Number(count); i++) {
    await new Promise<void>((resolve) => setImmediate(resolve))
    signal.throwIfAborted()
    chunksMade++
    yield { samples: Float32Array.of(i), guards: i === 0 ? ['scripted'] : [] }
  }
}

await serveEngine(Promise.resolve(engine))
