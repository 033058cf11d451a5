// Bytes on a socket that are no HTTP request: answered in the same form as every other error, then the connection ends.
import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import { ERRORS } from '../contract/errors.ts'
import { AppError } from '../errors.ts'
import { newId } from '../storage/ids.ts'
import { errorBody } from './error-handler.ts'
import type { Services } from './services.ts'

const REFUSALS: Readonly<Record<string, AppError>> = {
  HPE_HEADER_OVERFLOW: new AppError('headers_too_large', 'The request line and headers exceed 16 KiB.'),
  ERR_HTTP_REQUEST_TIMEOUT: new AppError('request_timeout', 'The request did not arrive completely in time.'),
}
const MALFORMED = new AppError('malformed_request', 'This is not a well-formed HTTP request.')

/** Node hands over the socket: with no request parsed, there is no response object to answer with. */
export function answerClientError({ metrics, log }: Services, error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  const refusal = REFUSALS[error.code ?? ''] ?? MALFORMED
  const { status } = ERRORS[refusal.code]
  const requestId = newId()
  metrics.requests.inc({ route: 'unknown', status, code: refusal.code })
  log.info({ id: requestId, status, code: refusal.code }, 'request')
  const body = JSON.stringify(errorBody(refusal, requestId))
  socket.end(
    [
      `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
      'content-type: application/json; charset=utf-8',
      `content-length: ${Buffer.byteLength(body)}`,
      `x-request-id: ${requestId}`,
      'connection: close',
      '',
      body,
    ].join('\r\n'),
  )
}
