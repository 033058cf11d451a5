// Which IP addresses and ports an untrusted URL may lead to.
import ipaddr from 'ipaddr.js'

/** Where a fetch may go: every address it would connect to and every port is asked for. */
export interface AddressRules {
  allowsAddress(address: string): boolean
  allowsPort(port: number): boolean
}

// Azure's virtual host agent: a public address by its number, an internal one by its nature; it hands out machine secrets.
// https://learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16
const AZURE_HOST_AGENT = '168.63.129.16'

// The only block of IPv6 given out for public unicast. ipaddr.js calls everything unicast that no other block claims,
// the IPv4-compatible `::10.0.0.1` among it. https://www.iana.org/assignments/ipv6-unicast-address-assignments
const GLOBAL_UNICAST_V6 = ipaddr.IPv6.parseCIDR('2000::/3')

const INTRANET_RANGES = ['private', 'loopback', 'uniqueLocal', 'carrierGradeNat']

/** Public unicast addresses, ports 80 and 443. IPv6 forms that carry an IPv4 address (NAT64, 6to4, Teredo) are not public. */
export const PUBLIC_INTERNET: AddressRules = {
  allowsAddress: isPublicAddress,
  allowsPort: (port) => port === 80 || port === 443,
}

/** Also private and loopback addresses, on any port. Link-local stays closed: that is where clouds keep their credentials. */
export const PUBLIC_AND_PRIVATE: AddressRules = {
  allowsAddress: (address) => isPublicAddress(address) || INTRANET_RANGES.includes(rangeOf(address)),
  allowsPort: (port) => port > 0,
}

function isPublicAddress(address: string): boolean {
  if (rangeOf(address) !== 'unicast') return false
  const parsed = ipaddr.process(address)
  return parsed instanceof ipaddr.IPv6 ? parsed.match(GLOBAL_UNICAST_V6) : parsed.toString() !== AZURE_HOST_AGENT
}

/** The range by ipaddr.js' name; IPv4-mapped IPv6 is judged as the IPv4 address it is. */
function rangeOf(address: string): string {
  return ipaddr.isValid(address) ? ipaddr.process(address).range() : 'invalid'
}
