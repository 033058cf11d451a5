// The headers by which a receiver knows that a message is ours, whole and new, as https://www.standardwebhooks.com has them.
import { Webhook } from 'standardwebhooks'
import type { SigningSecrets } from './secrets.ts'

/** `id` stays the same over all attempts at one delivery; `at` is the time of this attempt. */
export function signatureHeaders(
  id: string,
  at: Date,
  body: string,
  { secret, previousSecret }: SigningSecrets,
): Record<string, string> {
  const secrets = previousSecret === undefined ? [secret] : [secret, previousSecret]
  return {
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
    'webhook-signature': secrets.map((each) => new Webhook(each).sign(id, at, body)).join(' '),
  }
}
