// One log line and one count per request, whether it was answered or the caller left first. Never a key, a text or a recording.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Services } from './services.ts'

/** nginx' number for a caller who hung up; it is never sent. */
const CALLER_GONE_STATUS = 499
/** Of a WebSocket that was opened. */
const SWITCHED_STATUS = 101

export function addRequestLog(app: FastifyInstance, services: Services): void {
  app.addHook('onRequest', async (request, reply) => recordRequest(services, request, reply))
  app.addHook('onSend', async (request, reply) => {
    services.metrics.timeToFirstByteSeconds.observe({ route: routeName(request) }, reply.elapsedTime / 1000)
  })
}

/** Once per request, at its beginning. */
export function recordRequest({ metrics, log }: Services, request: FastifyRequest, reply: FastifyReply): void {
  let isRecorded = false
  const record = (status: number, code: string | undefined) => {
    if (isRecorded) return
    isRecorded = true
    const route = routeName(request)
    metrics.requests.inc({ route, status, code: code ?? '' })
    log[status >= 500 ? 'error' : 'info'](
      {
        id: request.id,
        method: request.method,
        route,
        status,
        ...(code === undefined ? {} : { code }),
        ...(request.caller ? { account: request.caller.accountId } : {}),
        milliseconds: Math.round(reply.elapsedTime),
        ...roundToMilliseconds(request.timings ?? {}),
      },
      'request',
    )
  }
  reply.raw.once('finish', () => record(reply.statusCode, request.failureCode))
  reply.raw.once('close', () => {
    if (request.isUpgraded) return record(SWITCHED_STATUS, request.failureCode)
    // A stream that we broke off says so; whoever else ends before its end has hung up.
    if (request.failureCode === undefined) record(CALLER_GONE_STATUS, 'caller_gone')
    else record(reply.statusCode, request.failureCode)
  })
}

/** The path as it was registered, never the caller's: one label per route. */
function routeName(request: FastifyRequest): string {
  return request.routeOptions?.url ?? 'unknown'
}

/** Seconds as a person reads them. */
const roundToMilliseconds = (timings: object): Record<string, number> =>
  Object.fromEntries(Object.entries(timings).map(([name, seconds]) => [name, Math.round(seconds * 1000) / 1000]))
