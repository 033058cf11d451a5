// Name resolution that only ever answers with allowed addresses. It is handed to the socket itself, so the addresses that
// were checked are the ones connected to: a name that changes its answer between check and use (DNS rebinding) gains nothing.
import type { LookupAddress, LookupAllOptions } from 'node:dns'
import type { LookupFunction } from 'node:net'
import type { AddressRules } from './address-rules.ts'
import { HOST_NOT_REACHED, OutboundError } from './outbound-error.ts'

/** The part of `dns.lookup` that is used. */
export type Resolve = (
  host: string,
  options: LookupAllOptions,
  done: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void

/** One address that is not allowed blocks the name, whatever else it resolves to: the socket would try them all. */
export function createGuardedLookup(resolve: Resolve, rules: AddressRules): LookupFunction {
  return (host, options, done) => {
    resolve(host, { ...options, all: true }, (error, addresses) => {
      if (error) return done(error, '')
      const blocked = addresses.find(({ address }) => !rules.allowsAddress(address))
      if (blocked) {
        const cause = new Error(`${host} resolves to ${blocked.address}`)
        return done(new OutboundError('blocked', HOST_NOT_REACHED, cause), '')
      }
      const [first] = addresses
      if (!first) return done(new OutboundError('unreachable', HOST_NOT_REACHED), '')
      if (options.all) return done(null, addresses)
      done(null, first.address, first.family)
    })
  }
}
