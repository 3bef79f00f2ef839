import type { LookupAddress, LookupOptions } from 'node:dns'
import type { RequestOptions } from 'node:http'
import { isPublicAddress } from './public-address.js'

/** Resolves a name, as `dns.lookup` with `all` does. */
export type LookUpName = (hostname: string, options: LookupOptions & { readonly all: true }, callback: (failure: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void) => void

/**
 * A look-up for outgoing requests that gives addresses of the public internet, or fails: a name that leads anywhere else, if only with one of its addresses, leads
 * nowhere. In the form that `net.connect` asks for.
 */
export function publicLookup(lookUpName: LookUpName): NonNullable<RequestOptions['lookup']> {
  return (hostname, options, callback) => {
    lookUpName(hostname, { ...options, all: true }, (failure, addresses) => {
      const [first] = addresses
      if (failure !== null || first === undefined) return callback(failure ?? new Error('the name leads to no address'), '', 0)
      if (!addresses.every(({ address }) => isPublicAddress(address))) return callback(new Error('the name leads to an address that is not public'), '', 0)
      if (options.all === true) return callback(null, addresses)
      callback(null, first.address, first.family)
    })
  }
}
