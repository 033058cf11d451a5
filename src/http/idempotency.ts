// The Idempotency-Key header (draft-ietf-httpapi-idempotency-key-header) and the hash that tells one request from another.
import { createHash } from 'node:crypto'
import type { SpeechBody } from '../contract/speech.ts'
import { AppError } from '../errors.ts'

const MAX_KEY_CHARACTERS = 255

/** The draft writes the key as a quoted string; most clients send it bare. Throws `invalid_parameter`. */
export function readIdempotencyKey(header: string | string[] | undefined): string | undefined {
  if (header === undefined) return undefined
  const key = String(header).replace(/^"(.*)"$/, '$1')
  if (!/^[\x20-\x7e]+$/.test(key) || key.length > MAX_KEY_CHARACTERS) {
    const message = `Idempotency-Key must be 1 to ${MAX_KEY_CHARACTERS} printable ASCII characters.`
    throw new AppError('invalid_parameter', message, { param: 'Idempotency-Key' })
  }
  return key
}

/** Equal for requests that ask for the same audio, however they were spelled: JSON or multipart, defaults given or left out. */
export function hashSpeechRequest(body: SpeechBody, file: Uint8Array | undefined): string {
  const sorted = Object.entries(body).sort(([a], [b]) => (a < b ? -1 : 1))
  const hash = createHash('sha256').update(JSON.stringify(sorted))
  if (file) hash.update(createHash('sha256').update(file).digest())
  return hash.digest('hex')
}
