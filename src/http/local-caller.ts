// Whether a request comes from a program on this very machine, without anybody in between.
import type { FastifyRequest } from 'fastify'

const LOOPBACK = /^(127\.|::1$|::ffff:127\.)/
const FORWARDED = ['forwarded', 'x-forwarded-for', 'x-real-ip', 'via']

/**
 * Behind a proxy on this machine every connection comes from here, and what a proxy says of the real address began as the caller's own
 * header. So anything forwarded is no local caller.
 */
export function isLocalCaller({ headers, socket }: FastifyRequest): boolean {
  return !FORWARDED.some((name) => name in headers) && LOOPBACK.test(socket.remoteAddress ?? '')
}

/**
 * Whether it is a page of ours, opened on this machine, that asks: not another site's page in the same browser (`Origin`,
 * `Sec-Fetch-Site`), and not one whose name was made to point here (`Host`: DNS rebinding).
 */
export function isLocalPage(request: FastifyRequest): boolean {
  const { headers } = request
  const name = /^(.*?)(?::\d+)?$/.exec(headers.host ?? '')?.[1]
  if (!isLocalCaller(request) || !(name === 'localhost' || name === '127.0.0.1' || name === '[::1]')) return false
  const site = headers['sec-fetch-site']
  const isOwnOrigin = headers.origin === undefined || headers.origin === `http://${headers.host}`
  return isOwnOrigin && (site === undefined || site === 'same-origin')
}
