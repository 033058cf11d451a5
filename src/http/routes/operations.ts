// For whoever runs the server: is it alive, is it ready, how is it doing.
import type { FastifyRequest } from 'fastify'
import type { Config } from '../../config.ts'
import { KNOWN_TEXTS } from '../../contract/errors.ts'
import type { Readiness } from '../../contract/schemas.ts'
import { AppError } from '../../errors.ts'
import { carriesAdminToken } from '../admin-token.ts'
import { isLocalCaller } from '../local-caller.ts'
import type { Handler } from '../routing.ts'
import type { Services } from '../services.ts'

export function alive(): Handler {
  return async (_, reply) => reply.header('cache-control', 'no-store').send({ status: 'ok' })
}

export function ready({ health }: Pick<Services, 'health'>): Handler {
  return async (_, reply) => {
    const workers = health.draining.aborted ? undefined : await health.findWorkers()
    if (!workers) throw new AppError('unavailable', KNOWN_TEXTS.unavailable)
    // None is no reason to be sent nothing: a request that waits is what brings one up.
    const models = [...new Set(workers.map(({ model }) => model))].sort()
    const answer: Readiness = { status: 'ready', workers: workers.length, models }
    return reply.header('cache-control', 'no-store').send(answer)
  }
}

export function showMetrics({ config, metrics }: Pick<Services, 'config' | 'metrics'>): Handler {
  return async (request, reply) => {
    if (!mayReadMetrics(config, request)) {
      throw new AppError(
        'forbidden',
        'Metrics are open on the machine itself. Elsewhere they need Authorization: Bearer with the setting ADMIN_TOKEN.',
      )
    }
    reply.header('cache-control', 'no-store').header('content-type', metrics.registry.contentType)
    return reply.send(await metrics.registry.metrics())
  }
}

function mayReadMetrics(config: Config, request: FastifyRequest): boolean {
  return carriesAdminToken(config, request) || isLocalCaller(request)
}
