// The routes of the contract, bound to their handlers, with the checks that come before a handler in the contract's order:
// path and slug, verb, key, rate limit, content type.
import { METHODS } from 'node:http'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { MODEL_SLUG, RETIRED_MODELS } from '../contract/models.ts'
import type { RouteContract } from '../contract/route.ts'
import { ROUTES, type RouteName } from '../contract/routes.ts'
import { AppError } from '../errors.ts'
import { requireAdminToken } from './admin-token.ts'
import { requireApiKey } from './authenticate.ts'
import { requireContentType } from './body.ts'
import { answerPreflight } from './cors.ts'
import { limitRate } from './rate-limit.ts'
import type { Services } from './services.ts'

export type Handler = (request: FastifyRequest, reply: FastifyReply) => Promise<unknown>
export type Handlers = Readonly<Record<RouteName, Handler>>

export function addRoutes(app: FastifyInstance, services: Services, handlers: Handlers): void {
  // Every verb there is, so that a known path answers 405 to all it has not. CONNECT never reaches a route in Node.
  for (const verb of METHODS) {
    if (verb !== 'CONNECT' && !app.supportedMethods.includes(verb)) app.addHttpMethod(verb)
  }
  const verbsOf = new Map<string, Set<string>>()
  const shapes = new Map<string, RouteContract['errorShape']>()
  for (const [name, route] of Object.entries<RouteContract>(ROUTES)) {
    const onRequest = admission(name, route, services)
    for (const path of [route.path, ...(route.alsoAt ?? [])]) {
      const url = path.replace(/\{(\w+)\}/g, ':$1')
      const config = { errorShape: route.errorShape }
      app.route({ method: route.method, url, config, onRequest, handler: handlers[name as RouteName] })
      if (route.errorShape) shapes.set(url, route.errorShape)
      const verbs = verbsOf.get(url) ?? new Set(['OPTIONS'])
      verbs.add(route.method)
      if (route.method === 'GET') verbs.add('HEAD')
      verbsOf.set(url, verbs)
    }
  }
  for (const [url, verbs] of verbsOf) addOtherVerbs(app, url, verbs, shapes.get(url))
}

/** What is checked before the body is read. */
function admission(name: string, route: RouteContract, services: Services) {
  return async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    if (route.access === 'key') await requireApiKey(services.db, request)
    if (route.access === 'admin') requireAdminToken(services.config, request)
    if (route.rateLimited) await limitRate(services, limitName(name, route.rateLimited), request, reply)
    if (route.body) requireContentType(request, route.body.multipartFile !== undefined)
  }
}

const limitName = (name: string, limited: true | string): string => (limited === true ? name : limited)

function addOtherVerbs(
  app: FastifyInstance,
  url: string,
  verbs: ReadonlySet<string>,
  errorShape: RouteContract['errorShape'],
): void {
  const allow = [...verbs].sort().join(', ')
  app.route({ method: 'OPTIONS', url, handler: async (request, reply) => answerPreflight(request, reply, allow) })
  app.route({
    method: METHODS.filter((verb) => verb !== 'CONNECT' && !verbs.has(verb)),
    url,
    config: { errorShape },
    onRequest: async (request, reply) => {
      reply.header('allow', allow)
      throw new AppError('method_not_allowed', `${request.method} is not allowed here; use ${allow}.`)
    },
    handler: async () => undefined,
  })
}

/** Why nothing is at a path: no such model, a model that is gone, or no such path. */
export function refusePath(url: string, retired: ReadonlyMap<string, string> = RETIRED_MODELS): AppError {
  const slug = /^\/v[12]\/([^/?]+)\/?(?:\?|$)/.exec(url)?.[1]
  if (slug === undefined)
    return new AppError('not_found', 'There is nothing at this path. The API is described at /docs.')
  const replacement = retired.get(slug)
  return replacement === undefined
    ? new AppError('model_not_found', `There is no such model here; this server has ${MODEL_SLUG}.`)
    : new AppError('model_retired', `This model is retired; use ${replacement}.`)
}
