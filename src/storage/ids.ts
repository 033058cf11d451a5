// Ids, tokens: 128 random bits as 32 lower-case hex digits, unguessable and unique without asking the database.
import { randomBytes } from 'node:crypto'

export const newId = (): string => randomBytes(16).toString('hex')

/** What comes from outside is tested before it is looked up: the database refuses some strings, NUL for one, with an error. */
export const isId = (text: string): boolean => /^[0-9a-f]{32}$/.test(text)
