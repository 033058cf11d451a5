// ADMIN_TOKEN, compared without telling by the time it takes how much of a guess is right.
import { createHash, timingSafeEqual } from 'node:crypto'
import type { FastifyRequest } from 'fastify'
import type { Config } from '../config.ts'
import { AppError } from '../errors.ts'
import { readBearer } from './authenticate.ts'

export function carriesAdminToken({ ADMIN_TOKEN }: Config, request: FastifyRequest): boolean {
  const token = readBearer(request)
  return ADMIN_TOKEN !== undefined && token !== undefined && isSameSecret(token, ADMIN_TOKEN)
}

/** From the machine itself as well: behind a proxy on it, everybody comes from there. Throws `forbidden`. */
export function requireAdminToken(config: Config, request: FastifyRequest): void {
  if (carriesAdminToken(config, request)) return
  throw new AppError(
    'forbidden',
    config.ADMIN_TOKEN === undefined
      ? 'These routes are closed: the server has no ADMIN_TOKEN. On its machine, `chatterbox --help` lists commands for the same.'
      : 'This route is for whoever runs the server. Send Authorization: Bearer with the setting ADMIN_TOKEN.',
  )
}

/** Hashes are equally long, whatever the guess. */
function isSameSecret(a: string, b: string): boolean {
  const [left, right] = [a, b].map((text) => createHash('sha256').update(text).digest())
  return left !== undefined && right !== undefined && timingSafeEqual(left, right)
}
