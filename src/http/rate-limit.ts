// Requests per minute of a key, told in headers on every limited answer.
import type { FastifyReply, FastifyRequest } from 'fastify'
import { takeRequest } from '../billing/rate-limit.ts'
import { AppError, invariant } from '../errors.ts'
import type { Services } from './services.ts'

/** Takes one request from the caller's limit of this name. Throws `rate_limit_exceeded` with `retryAfterSeconds`. */
export async function limitRate(
  { db, config }: Services,
  name: string,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<void> {
  const { caller } = request
  invariant(caller, 'a rate-limited route has authenticated its caller')
  const perMinute = caller.rateLimitRpm ?? config.RATE_LIMIT_RPM
  if (perMinute === 0) return
  const taken = await takeRequest(db, `${name}:${caller.apiKeyId}`, perMinute)
  reply.headers({
    'x-rate-limit-limit': taken.limit,
    'x-rate-limit-remaining': taken.remaining,
    'x-rate-limit-reset-at-utc': isoSeconds(taken.resetAt),
  })
  if (taken.allowed) return
  const seconds = Math.max(1, Math.ceil(taken.retryAfterSeconds))
  throw new AppError(
    'rate_limit_exceeded',
    `This key may send ${taken.limit} requests per minute. Try again in ${seconds} s.`,
    { retryAfterSeconds: seconds },
  )
}

/** `2026-01-01T00:00:00Z`, rounded up: at that time the window has really been reset. */
function isoSeconds(date: Date): string {
  return new Date(Math.ceil(date.getTime() / 1000) * 1000).toISOString().replace('.000Z', 'Z')
}
