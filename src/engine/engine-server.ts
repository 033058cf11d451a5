// The engine's side of the conversation: messages of the parent process → calls of an Engine. Keeps no call waiting for another;
// who computes when is the engine's own business.
import type { AudioChunk, Engine } from './engine.ts'
import { CHUNKS_AHEAD, type FromEngine, type ToEngine, toFailure } from './engine-messages.ts'

interface RunningCall {
  readonly abort: AbortController
  /** Chunks that may still be sent before the caller takes one. */
  credit: number
  onCredit: (() => void) | undefined
}

/**
 * Serves an engine to the parent process; this process ends when the channel to the parent closes, so also when the parent is
 * killed. An engine that fails to load ends it, too: the parent reports that no call can be taken.
 */
export async function serveEngine(loading: Promise<Engine>): Promise<void> {
  process.on('disconnect', () => process.exit(0))
  // Ctrl-C and `systemctl stop` signal the whole group; the parent decides when its requests in flight are done.
  process.on('SIGINT', () => {})
  process.on('SIGTERM', () => {})
  const engine = await loading
  const calls = new Map<number, RunningCall>()
  const send = (message: FromEngine): void => {
    if (process.connected) process.send?.(message)
  }

  const run = async (message: ToEngine & { kind: 'encode' | 'synthesize' }): Promise<void> => {
    const { call } = message
    const running: RunningCall = { abort: new AbortController(), credit: CHUNKS_AHEAD, onCredit: undefined }
    calls.set(call, running)
    try {
      if (message.kind === 'encode') {
        const voice = await engine.encodeVoice(message.recording, running.abort.signal)
        send({ kind: 'voice', call, voice })
      } else {
        await sendChunks(engine.synthesize(message.piece, running.abort.signal), running, (chunk) =>
          send({ kind: 'chunk', call, chunk }),
        )
        send({ kind: 'done', call })
      }
    } catch (error) {
      send({ kind: 'failed', call, failure: toFailure(error) })
    } finally {
      calls.delete(call)
    }
  }

  process.on('message', (message: ToEngine) => {
    if (message.kind === 'encode' || message.kind === 'synthesize') void run(message)
    else if (message.kind === 'ping') send({ kind: 'pong' })
    else if (message.kind === 'pull') addCredit(calls.get(message.call))
    else calls.get(message.call)?.abort.abort()
  })
  send({ kind: 'ready', info: await engine.info() })
}

async function sendChunks(
  chunks: AsyncIterable<AudioChunk>,
  running: RunningCall,
  send: (chunk: AudioChunk) => void,
): Promise<void> {
  const { signal } = running.abort
  for await (const chunk of chunks) {
    signal.throwIfAborted()
    send(chunk)
    running.credit--
    if (running.credit === 0) await waitForCredit(running)
  }
}

/** Without this an engine ten times faster than real time would fill memory with what nobody reads yet. */
function waitForCredit(running: RunningCall): Promise<void> {
  const { signal } = running.abort
  return new Promise((resolve, reject) => {
    const stop = () => reject(signal.reason)
    signal.addEventListener('abort', stop, { once: true })
    running.onCredit = () => {
      signal.removeEventListener('abort', stop)
      running.onCredit = undefined
      resolve()
    }
    if (signal.aborted) stop()
  })
}

function addCredit(running: RunningCall | undefined): void {
  if (!running) return
  running.credit++
  running.onCredit?.()
}
