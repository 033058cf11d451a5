// Why a connection is closed, as a number for programs.
import { CLOSE_CODES } from '../../contract/websocket.ts'
import type { AppError, ErrorCode } from '../../errors.ts'

const CODES: Partial<Record<ErrorCode, number>> = {
  missing_api_key: CLOSE_CODES.unauthorized,
  invalid_api_key: CLOSE_CODES.unauthorized,
  forbidden: CLOSE_CODES.unauthorized,
  overloaded: CLOSE_CODES.overloaded,
  internal: CLOSE_CODES.failed,
  unavailable: CLOSE_CODES.stopping,
  timeout: CLOSE_CODES.failed,
}

/** Whatever else was the caller's message. */
export const closeCodeOf = ({ code }: Pick<AppError, 'code'>): number => CODES[code] ?? CLOSE_CODES.invalid
