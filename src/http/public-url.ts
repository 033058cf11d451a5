// The base of every URL in an answer: what this server is called from outside, without a slash at its end.
import type { FastifyRequest } from 'fastify'
import type { Config } from '../config.ts'

/** PUBLIC_URL where it is set; otherwise what the caller used (`X-Forwarded-*` count only with TRUST_PROXY, which Fastify is given). */
export function publicUrl(config: Config, request: FastifyRequest): string {
  if (config.PUBLIC_URL) return config.PUBLIC_URL.replace(/\/+$/, '')
  // The header is free text: anything that is not a host and a port would end up in JSON and in pages.
  const host = /^[a-z0-9.-]+(:\d+)?$|^\[[0-9a-f:.]+\](:\d+)?$/i.test(request.host) ? request.host : 'localhost'
  return `${request.protocol === 'https' ? 'https' : 'http'}://${host}`
}
