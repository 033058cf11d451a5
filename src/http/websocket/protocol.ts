// What a protocol is given, and what it has to have.
import type { FastifyRequest } from 'fastify'
import type { AppError } from '../../errors.ts'
import type { Authenticated } from '../request-state.ts'
import type { Services } from '../services.ts'
import type { Connection } from './connection.ts'
import type { SpeechSession } from './speech-session.ts'

export interface ProtocolDeps {
  readonly services: Services
  readonly request: FastifyRequest
  readonly connection: Connection
  /** Who calls: by the headers, else by `key`. Throws missing_api_key, invalid_api_key, forbidden, overloaded. */
  authenticate(key: string | undefined): Promise<Authenticated>
}

export interface Protocol {
  /** From the message on that opens it. */
  readonly session: SpeechSession | undefined
  /** Throws AppError for a message that cannot be followed; the connection ends. `end`: it was the last one. */
  receive(message: Readonly<Record<string, unknown>>): Promise<'go on' | 'end'>
  /** Says why the connection ends. */
  refuse(error: AppError): Promise<void>
  /** All is spoken. */
  end(): Promise<void>
}
