// What the bodies, parameters and answers of /v1/admin have in common.
import { z } from 'zod'

export const EXAMPLE_ID = '5f1c2d8a9be04c7ab3b1d2e37c0a4e55'
export const EXAMPLE_TIME = '2026-11-22T10:00:00.000Z'

/** Text for a database and a terminal: neither U+0000 nor what moves a cursor. */
export const line = (name: string, most: number) =>
  z
    .string({ error: `${name} must be a string.` })
    .refine(
      (text) => text.trim() !== '' && [...text].length <= most && !/\p{Cc}|\p{Surrogate}/u.test(text),
      `${name} must be 1 to ${most} characters, none of them a control character.`,
    )
export const whole = (name: string, least: number, most: number) => {
  const error = `${name} must be an integer between ${least} and ${most}.`
  return z.int({ error }).min(least, error).max(most, error)
}
export const id = (name: string, of: string) =>
  z.string({ error: `${name} must be the id of ${of}.` }).regex(/^[0-9a-f]{32}$/, `${name} must be the id of ${of}.`)
export const time = z.string().describe('ISO 8601, UTC.')

export const page = {
  limit: z.coerce
    .number({ error: 'limit must be an integer between 1 and 200.' })
    .int('limit must be an integer between 1 and 200.')
    .min(1, 'limit must be an integer between 1 and 200.')
    .max(200, 'limit must be an integer between 1 and 200.')
    .default(50)
    .describe('Rows of a page.'),
  cursor: z
    .string({ error: 'cursor must be the `next` of the page before.' })
    .max(100, 'cursor must be the `next` of the page before.')
    .optional()
    .describe('`next` of the page before.'),
}
export const next = z.string().nullable().describe('`cursor` of the next page; null: this is the last.')

export const example = <T extends z.ZodType>(schema: T, description: string, ...examples: z.input<T>[]): T =>
  schema.meta({ description, examples })
