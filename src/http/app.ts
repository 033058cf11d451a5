// The HTTP application: contract in, contract out. buildApp() never listens; main.ts does.
import { setMaxListeners } from 'node:events'
import fastify, { type FastifyBaseLogger, type FastifyInstance, LogController } from 'fastify'
import { KNOWN_TEXTS } from '../contract/errors.ts'
import { AppError } from '../errors.ts'
import { addBodyParsers } from './body.ts'
import { answerClientError } from './client-error.ts'
import { allowOrigins } from './cors.ts'
import { answerError } from './error-handler.ts'
import { addRequestLog, recordRequest } from './request-log.ts'
import './request-state.ts'
import { newId } from '../storage/ids.ts'
import { buildHandlers } from './routes/handlers.ts'
import { addRoutes, refusePath } from './routing.ts'
import type { Services } from './services.ts'
import { addWebSockets } from './websocket/websockets.ts'

/** A whole header section; the default of Node, stated because the contract names it. */
const MAX_HEADER_BYTES = 16_384
/** Whoever sends headers this slowly is no client of ours (slow-loris). */
const HEADERS_TIMEOUT_MS = 15_000
/** For a whole request: 32 MiB over 2 Mbit/s take 134 s. Answers may take longer, they have their own deadline. */
const REQUEST_TIMEOUT_MS = 180_000
/** Longer than the 60 s for which common load balancers keep an idle connection, so that they close it first. */
const KEEP_ALIVE_TIMEOUT_MS = 65_000
const TIMEOUT_CHECK_INTERVAL_MS = 2000

/** Paths that answer while the server drains: they are how the outside sees that it does. */
const OPEN_WHILE_DRAINING: readonly string[] = ['/healthz', '/readyz', '/metrics']

export function buildApp(services: Services): FastifyInstance {
  const { config, health } = services
  const app = fastify({
    loggerInstance: services.log as FastifyBaseLogger,
    // request-log.ts writes one line per request itself.
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: 'id' }),
    genReqId: newId,
    requestIdHeader: false,
    trustProxy: config.TRUST_PROXY,
    bodyLimit: config.MAX_BODY_MB * 1024 * 1024,
    requestTimeout: REQUEST_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
    http: {
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: HEADERS_TIMEOUT_MS,
      connectionsCheckingInterval: TIMEOUT_CHECK_INTERVAL_MS,
    },
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: 200 },
    return503OnClosing: false, // the hook below answers in the contract's form
    forceCloseConnections: 'idle',
    clientErrorHandler: (error, socket) => answerClientError(services, error, socket),
    // No hook has run for a path that could not be routed.
    frameworkErrors: (error, request, reply) => {
      recordRequest(services, request, reply)
      answerError(error, request, reply, config)
    },
  })
  app.decorateRequest('caller', undefined)
  app.decorateRequest('failureCode', undefined)
  app.decorateRequest('timings', undefined)
  app.decorateRequest('isUpgraded', false)
  app.setErrorHandler((error, request, reply) => answerError(error, request, reply, config))

  addRequestLog(app, services)
  const closing = new AbortController()
  setMaxListeners(0, closing.signal) // each poll that waits listens
  app.decorate('closing', closing.signal)
  app.addHook('preClose', async () => closing.abort())
  app.addHook('onRequest', async (request, reply) => {
    reply.header('x-request-id', request.id)
    reply.header('x-content-type-options', 'nosniff')
    allowOrigins(request, reply)
    if (
      (closing.signal.aborted || health.draining.aborted) &&
      !OPEN_WHILE_DRAINING.includes(request.routeOptions.url ?? '')
    ) {
      reply.header('connection', 'close')
      throw new AppError('unavailable', KNOWN_TEXTS.unavailable, { retryAfterSeconds: 1 })
    }
    // Here, not in a handler: a handler would come after the body has been parsed, and a bad body would hide the bad path.
    if (request.is404) throw refusePath(request.url)
  })
  app.setNotFoundHandler((request) => {
    throw refusePath(request.url)
  })
  addBodyParsers(app)
  addRoutes(app, services, buildHandlers(services))
  addWebSockets(app, services)
  return app
}
