// A stored file → response: caching, ranges, and no more rights in a browser than a sound needs. Bytes go from the store to the caller
// as fast as the caller takes them; no file is ever in memory as a whole.
import { Readable } from 'node:stream'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { AppError } from '../errors.ts'
import type { Blobs } from '../storage/blobs.ts'
import { readByteRange } from './byte-range.ts'

export interface StoredFile {
  readonly blobKey: string
  /** Its size. */
  readonly bytes: number
  readonly mediaType: string
  readonly fileName: string
  /** Names this content and no other. */
  readonly etag: string
  readonly expiresAt: Date
  /** Nobody on the way may keep a copy. */
  readonly isPassing?: boolean
}

type FileSource = Pick<Blobs, 'stream' | 'size'>

/** Throws `not_found` when the bytes are gone, `range_not_satisfiable`. */
export async function sendFile(
  request: FastifyRequest,
  reply: FastifyReply,
  blobs: FileSource,
  file: StoredFile,
): Promise<FastifyReply> {
  const etag = `"${file.etag}"`
  const secondsLeft = Math.max(0, Math.floor((file.expiresAt.getTime() - Date.now()) / 1000))
  const ifRange = request.headers['if-range']
  const isStale = ifRange !== undefined && ifRange !== etag
  const range = readByteRange(isStale ? undefined : request.headers.range, file.bytes)
  const isKnown = matches(request.headers['if-none-match'], etag)
  if (range.kind === 'unsatisfiable' && !isKnown) {
    reply.header('content-range', `bytes */${file.bytes}`)
    throw new AppError('range_not_satisfiable', `This file has ${file.bytes} bytes; the range starts past its end.`)
  }
  const { start, end } = range.kind === 'part' ? range : { start: 0, end: file.bytes }
  const body = isKnown || request.method === 'HEAD' ? undefined : await blobs.stream(file.blobKey, { start, end })
  if (!body && (await blobs.size(file.blobKey)) === undefined) throw gone()

  reply.headers({
    etag,
    'accept-ranges': 'bytes',
    'cache-control': file.isPassing ? 'no-store' : `public, max-age=${secondsLeft}, immutable`,
    'content-type': file.mediaType,
    'content-disposition': `inline; filename="${file.fileName}"`,
    // Uploads are other people's bytes on our origin: even one that a browser took for a page could do nothing.
    'content-security-policy': "default-src 'none'; sandbox",
    'cross-origin-resource-policy': 'cross-origin',
  })
  if (isKnown) return reply.code(304).send()
  reply.header('content-length', end - start)
  if (range.kind === 'part') reply.code(206).header('content-range', `bytes ${start}-${end - 1}/${file.bytes}`)
  return reply.send(body ?? Readable.from([])) // nothing at all for HEAD; but no stream, and the length would be set to 0
}

/** The same for bytes that are in memory already. */
export function sendBytes(
  request: FastifyRequest,
  reply: FastifyReply,
  bytes: Uint8Array,
  file: Omit<StoredFile, 'blobKey' | 'bytes'>,
): Promise<FastifyReply> {
  const source: FileSource = {
    stream: async (_, { start, end }) => Readable.from([bytes.subarray(start, end)]),
    size: async () => bytes.length,
  }
  return sendFile(request, reply, source, { ...file, blobKey: '', bytes: bytes.length })
}

export function gone(): AppError {
  return new AppError('not_found', 'There is no such file, or it has expired.')
}

function matches(ifNoneMatch: string | undefined, etag: string): boolean {
  return ifNoneMatch?.split(',').some((tag) => tag.trim().replace(/^W\//, '') === etag || tag.trim() === '*') ?? false
}
