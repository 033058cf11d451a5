// The form of an untrusted URL: what can be judged from its text alone, before anything is looked up.
import { isIP } from 'node:net'
import type { AddressRules } from './address-rules.ts'
import { OutboundError } from './outbound-error.ts'

// Signed URLs of object stores reach 2,000 characters; nobody needs ten times that.
const MAX_URL_CHARACTERS = 8192

/**
 * Parses a URL (a redirect's target: against `from`) of the scheme, port and address that are allowed; throws OutboundError
 * `url`. Use the URL that is returned: it is the normal form (`http://0x7f.1/` is `http://127.0.0.1/`), so that what was
 * judged is what is connected to.
 */
export function parseOutboundUrl(text: string, allowHttp: boolean, rules: AddressRules, from?: URL): URL {
  const subject = from ? 'The target of the redirect' : 'URL'
  const refuse = (what: string) => new OutboundError('url', `${subject} ${what}`)
  if (text.length > MAX_URL_CHARACTERS) throw refuse(`must not be longer than ${MAX_URL_CHARACTERS} characters.`)
  const url = URL.canParse(text, from?.href) ? new URL(text, from) : undefined
  if (url?.protocol === 'http:' && !allowHttp) throw refuse('must use https:, not http:.')
  if (url?.protocol !== 'https:' && url?.protocol !== 'http:') {
    throw refuse(allowHttp ? 'must be a valid HTTP or HTTPS URL.' : 'must be a valid HTTPS URL.')
  }
  if (url.username || url.password) throw refuse('must not contain a user name or password.')
  if (!rules.allowsPort(portOf(url))) throw refuse('must use port 443 or 80.')
  // A connection to a literal address never asks for a lookup, so this is the place where it is checked.
  const host = url.hostname.replace(/^\[|\]$/g, '')
  if (isIP(host) && !rules.allowsAddress(host)) throw refuse('must lead to a public address.')
  return url
}

function portOf(url: URL): number {
  return Number(url.port || (url.protocol === 'https:' ? 443 : 80))
}
