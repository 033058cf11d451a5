// An error in the shape that clients of OpenAI's API read.
import type { OpenAIErrorBody } from '../contract/openai.ts'
import type { AppError, ErrorCode } from '../errors.ts'

type Type = OpenAIErrorBody['error']['type']

const TYPES: Partial<Record<ErrorCode, Type>> = {
  missing_api_key: 'authentication_error',
  invalid_api_key: 'authentication_error',
  forbidden: 'authentication_error',
  insufficient_credits: 'insufficient_quota',
  rate_limit_exceeded: 'rate_limit_error',
  overloaded: 'rate_limit_error',
  internal: 'server_error',
  unavailable: 'server_error',
  timeout: 'server_error',
}

export function openAIErrorBody({
  message,
  code,
  param,
}: Pick<AppError, 'message' | 'code'> & { readonly param?: string | undefined }): OpenAIErrorBody {
  return { error: { message, type: TYPES[code] ?? 'invalid_request_error', param: param ?? null, code } }
}
