// With retention `none`, an output is forgotten when its bytes have left this machine as a whole.
import type { FastifyReply, FastifyRequest } from 'fastify'
import { forgetOutput } from '../jobs/outputs.ts'
import type { Services } from './services.ts'

/** To be called before the answer is sent. A part of the file, a HEAD or a connection that breaks off forgets nothing. */
export function forgetWhenSent(
  { db, blobs, log }: Pick<Services, 'db' | 'blobs' | 'log'>,
  request: FastifyRequest,
  reply: FastifyReply,
  jobId: string,
): void {
  reply.raw.once('finish', () => {
    if (request.method === 'HEAD' || !isWhole(reply)) return
    forgetOutput(db, blobs, jobId).catch((error) =>
      log.warn({ id: jobId, err: error }, 'an output that was sent stays until it expires'),
    )
  })
}

function isWhole(reply: FastifyReply): boolean {
  if (reply.statusCode !== 206) return reply.statusCode === 200
  const [, start, end, size] = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(String(reply.getHeader('content-range'))) ?? []
  return start === '0' && Number(end) === Number(size) - 1
}
