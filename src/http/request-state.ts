// What the steps of one request leave for each other and for its log line.
import type { Caller, Timings } from '../synthesis/speech.ts'

/** Who calls, as their key says. */
export interface Authenticated extends Caller {
  /** The key's own limit; undefined: the server's. */
  readonly rateLimitRpm: number | undefined
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** How errors look here; without it as everywhere. */
    errorShape?: 'openai' | 'elevenlabs' | undefined
  }
  interface FastifyRequest {
    /** Set by authenticate.ts on routes that need a key. */
    caller: Authenticated | undefined
    /** The code of the error that was answered. */
    failureCode: string | undefined
    /** It has become a WebSocket; it ends when that is closed. */
    isUpgraded: boolean
    /** Where the time of a finished request to speak went. */
    timings: Timings | undefined
  }

  interface FastifyInstance {
    /** Fires when the server stops to listen: whoever only waits answers what is known. */
    closing: AbortSignal
  }
}
