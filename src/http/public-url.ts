// The base of every URL in an answer: what this server is called from outside, without a slash at its end.
import type { FastifyRequest } from 'fastify'
import type { Config } from '../config.ts'

/** PUBLIC_URL where it is set; otherwise what the caller used (`X-Forwarded-*` count only with TRUST_PROXY, which Fastify is given). */
export function publicUrl(config: Config, request: FastifyRequest): string {
  const configured = configuredPublicUrl(config)
  if (configured) return configured
  // The header is free text: anything that is not a host and a port would end up in JSON and in pages.
  const host = /^[a-z0-9.-]+(:\d+)?$|^\[[0-9a-f:.]+\](:\d+)?$/i.test(request.host) ? request.host : 'localhost'
  return `${request.protocol === 'https' ? 'https' : 'http'}://${host}`
}

/** PUBLIC_URL as the base of other URLs; undefined where it is not set. */
export const configuredPublicUrl = ({ PUBLIC_URL }: Pick<Config, 'PUBLIC_URL'>): string | undefined =>
  PUBLIC_URL?.replace(/\/+$/, '')
