// An untrusted value against a schema of the contract; the first issue becomes the refusal.
import type { z } from 'zod'
import { AppError, type ErrorCode } from '../errors.ts'
import { KNOWN_TEXTS } from './errors.ts'

/** Throws `missing_parameter` if anything required is missing, else the code of the first issue in the schema's order. */
export function validate<T extends z.ZodType>(schema: T, value: unknown): z.output<T> {
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  const refusals = parsed.error.issues.map((issue) => {
    const [param] = issue.path
    if (typeof param !== 'string') return new AppError('invalid_json', KNOWN_TEXTS.invalidJson)
    const given = (issue.code === 'custom' ? issue.params?.code : undefined) as ErrorCode | undefined
    const missing = issue.path.length === 1 && !Object.hasOwn(value as object, param)
    return new AppError(given ?? (missing ? 'missing_parameter' : 'invalid_parameter'), issue.message, { param })
  })
  throw refusals.find(({ code }) => code === 'missing_parameter') ?? refusals[0]
}
