// What the steps of one request leave for each other and for its log line.
import type { Caller, Timings } from '../synthesis/speech.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** How errors look here; without it as everywhere. */
    errorShape?: 'openai' | 'elevenlabs' | undefined
  }
  interface FastifyRequest {
    /** Set by authenticate.ts on routes that need a key. */
    caller: (Caller & { readonly rateLimitRpm: number | undefined }) | undefined
    /** The code of the error that was answered. */
    failureCode: string | undefined
    /** Where the time of a finished request to speak went. */
    timings: Timings | undefined
  }

  interface FastifyInstance {
    /** Fires when the server stops to listen: whoever only waits answers what is known. */
    closing: AbortSignal
  }
}
