// Cross-origin rules. The API holds no cookies: its only credential is a key that a page must already know, so any origin may call it.
import type { FastifyReply, FastifyRequest } from 'fastify'
import { HEADERS } from '../contract/route.ts'

const EXPOSED = Object.keys(HEADERS).join(', ')
// `*` covers every request header but Authorization.
const REQUEST_HEADERS = '*, authorization'
const PREFLIGHT_SECONDS = 86_400

/** For pages of other origins. Not for /metrics: on the machine itself it is open, and no page is meant to read it there. */
export function allowOrigins(request: FastifyRequest, reply: FastifyReply): void {
  if (request.headers.origin === undefined || request.url.startsWith('/metrics')) return
  reply.header('access-control-allow-origin', '*').header('access-control-expose-headers', EXPOSED)
}

/** 200 rather than 204: every success of this API is a 200. */
export function answerPreflight(request: FastifyRequest, reply: FastifyReply, allow: string): FastifyReply {
  reply.header('allow', allow)
  if (request.headers['access-control-request-method'] !== undefined) {
    reply
      .header('access-control-allow-methods', allow)
      .header('access-control-allow-headers', REQUEST_HEADERS)
      .header('access-control-max-age', PREFLIGHT_SECONDS)
  }
  return reply.code(200).send()
}
