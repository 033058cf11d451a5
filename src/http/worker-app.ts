// What a worker tells of itself over HTTP – is it alive, is it ready, how is it doing – and nothing else.
import fastify, { type FastifyBaseLogger, type FastifyInstance, LogController } from 'fastify'
import { newId } from '../storage/ids.ts'
import { answerError } from './error-handler.ts'
import { alive, ready, showMetrics } from './routes/operations.ts'
import './request-state.ts'
import { refusePath } from './routing.ts'
import type { Services } from './services.ts'

export type WorkerServices = Pick<Services, 'config' | 'log' | 'metrics' | 'health'>

/** Answers on the paths of a server's own, in the same form. */
export function buildWorkerApp(services: WorkerServices): FastifyInstance {
  const { config } = services
  const app = fastify({
    loggerInstance: services.log as FastifyBaseLogger,
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: 'id' }),
    genReqId: newId,
    requestIdHeader: false,
    trustProxy: config.TRUST_PROXY,
    forceCloseConnections: 'idle',
  })
  app.decorateRequest('failureCode', undefined)
  app.setErrorHandler((error, request, reply) => answerError(error, request, reply, config))
  app.setNotFoundHandler((request) => {
    throw refusePath(request.url)
  })
  app.get('/healthz', alive())
  app.get('/readyz', ready(services))
  app.get('/metrics', showMetrics(services))
  return app
}
