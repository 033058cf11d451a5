// A stored file → response: caching, ranges, and no more rights in a browser than a sound needs.
import type { FastifyReply, FastifyRequest } from 'fastify'
import { AppError } from '../errors.ts'
import { readByteRange } from './byte-range.ts'

export interface StoredFile {
  readonly bytes: Uint8Array
  readonly mediaType: string
  readonly fileName: string
  /** Names this content and no other. */
  readonly etag: string
  readonly expiresAt: Date
}

/** Throws `range_not_satisfiable`. */
export function sendFile(request: FastifyRequest, reply: FastifyReply, file: StoredFile): FastifyReply {
  const { bytes } = file
  const etag = `"${file.etag}"`
  const secondsLeft = Math.max(0, Math.floor((file.expiresAt.getTime() - Date.now()) / 1000))
  reply.headers({
    etag,
    'accept-ranges': 'bytes',
    'cache-control': `public, max-age=${secondsLeft}, immutable`,
    'content-type': file.mediaType,
    'content-disposition': `inline; filename="${file.fileName}"`,
    // Uploads are other people's bytes on our origin: even one that a browser took for a page could do nothing.
    'content-security-policy': "default-src 'none'; sandbox",
    'cross-origin-resource-policy': 'cross-origin',
  })
  if (matches(request.headers['if-none-match'], etag)) return reply.code(304).send()

  const ifRange = request.headers['if-range']
  const isStale = ifRange !== undefined && ifRange !== etag
  const range = readByteRange(isStale ? undefined : request.headers.range, bytes.byteLength)
  if (range.kind === 'whole') return reply.send(bytes)
  if (range.kind === 'unsatisfiable') {
    reply.header('content-range', `bytes */${bytes.byteLength}`)
    reply.removeHeader('etag')
    throw new AppError(
      'range_not_satisfiable',
      `This file has ${bytes.byteLength} bytes; the range starts past its end.`,
    )
  }
  reply.header('content-range', `bytes ${range.start}-${range.end - 1}/${bytes.byteLength}`)
  return reply.code(206).send(bytes.subarray(range.start, range.end))
}

function matches(ifNoneMatch: string | undefined, etag: string): boolean {
  return ifNoneMatch?.split(',').some((tag) => tag.trim().replace(/^W\//, '') === etag || tag.trim() === '*') ?? false
}
