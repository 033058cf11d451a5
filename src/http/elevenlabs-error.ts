// An error in the shape that clients of ElevenLabs' API read, and who they are.
import type { FastifyRequest } from 'fastify'
import type { ElevenLabsErrorBody } from '../contract/elevenlabs.ts'
import type { AppError } from '../errors.ts'

/** Only their clients send the key in this header. */
export const isElevenLabsClient = (request: FastifyRequest): boolean => request.headers['xi-api-key'] !== undefined

export function elevenLabsErrorBody(
  { message, code, param }: Pick<AppError, 'message' | 'code'> & { readonly param?: string | undefined },
  requestId: string,
): ElevenLabsErrorBody {
  return { detail: { status: code, message, ...(param === undefined ? {} : { param }), request_id: requestId } }
}
