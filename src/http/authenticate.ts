// API key → caller.
import type { FastifyRequest } from 'fastify'
import { authenticate } from '../billing/api-keys.ts'
import { KNOWN_TEXTS } from '../contract/errors.ts'
import { AppError } from '../errors.ts'
import type { Database } from '../storage/postgres.ts'
import type { Authenticated } from './request-state.ts'

/** Sets `request.caller`. Throws `missing_api_key` or `invalid_api_key`. */
export async function requireApiKey(db: Database, request: FastifyRequest): Promise<void> {
  const key = readApiKey(request)
  if (key === undefined) throw new AppError('missing_api_key', KNOWN_TEXTS.missingApiKey)
  request.caller = await findCaller(db, key)
}

/** Throws `invalid_api_key`. */
export async function findCaller(db: Database, key: string): Promise<Authenticated> {
  const caller = await authenticate(db, key)
  if (!caller) throw new AppError('invalid_api_key', KNOWN_TEXTS.invalidApiKey)
  return caller
}

/** For routes that anybody may call and that know more for somebody: as `requireApiKey`, but without a key nothing happens. */
export async function takeApiKey(db: Database, request: FastifyRequest): Promise<void> {
  if (readApiKey(request) !== undefined) await requireApiKey(db, request)
}

/** `x-api-key` counts if several headers are sent, then `xi-api-key`, which clients of ElevenLabs' API send. A key has no known form: it is looked up as it is. */
function readApiKey(request: FastifyRequest): string | undefined {
  for (const name of ['x-api-key', 'xi-api-key']) {
    const fromHeader = request.headers[name]
    if (typeof fromHeader === 'string' && fromHeader !== '') return fromHeader
  }
  return readBearer(request)
}

export function readBearer(request: FastifyRequest): string | undefined {
  return /^Bearer +(\S.*)$/i.exec(request.headers.authorization ?? '')?.[1]?.trim()
}
