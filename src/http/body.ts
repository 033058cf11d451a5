// Request bodies: JSON objects and multipart forms, read whole and bounded by MAX_BODY_MB.
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { KNOWN_TEXTS } from '../contract/errors.ts'
import { AppError } from '../errors.ts'
import { type MultipartBody, parseMultipart } from './multipart.ts'

export interface JsonBody {
  readonly kind: 'json'
  readonly value: Readonly<Record<string, unknown>>
}
export type ParsedBody = JsonBody | MultipartBody

/** Before anything of the body is read. `takesFiles`: as multipart too, not as JSON alone. Throws `invalid_content_type`. */
export function requireContentType(request: FastifyRequest, takesFiles: boolean): void {
  const mediaType = request.headers['content-type']?.split(';')[0]?.trim().toLowerCase() ?? ''
  const isTaken = mediaType === 'application/json' || (takesFiles && mediaType === 'multipart/form-data')
  if (!isTaken) throw new AppError('invalid_content_type', KNOWN_TEXTS.invalidContentType)
}

/** `request.body` is a ParsedBody from here on. */
export function addBodyParsers(app: FastifyInstance): void {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, async (request: FastifyRequest, bytes: Buffer) =>
    takesBody(request) ? { kind: 'json', value: parseJsonObject(bytes) } : undefined,
  )
  app.addContentTypeParser('multipart/form-data', { parseAs: 'buffer' }, (request: FastifyRequest, bytes: Buffer) =>
    parseMultipart(request.headers['content-type'] ?? '', bytes),
  )
  // Of no route that takes a body: those have refused other types already.
  app.addContentTypeParser('*', { parseAs: 'buffer' }, async () => undefined)
}

/** Some clients send a content type, or an empty object, with every verb. */
const takesBody = ({ method }: FastifyRequest): boolean => method !== 'DELETE'

/** JSON text is UTF-8 (RFC 8259); a byte order mark is tolerated. Throws `invalid_json`. */
function parseJsonObject(bytes: Buffer): Record<string, unknown> {
  let value: unknown
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch (cause) {
    throw new AppError('invalid_json', KNOWN_TEXTS.invalidJson, { cause })
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new AppError('invalid_json', KNOWN_TEXTS.invalidJson)
  }
  return value as Record<string, unknown>
}
