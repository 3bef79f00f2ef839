import type { LookupAddress } from 'node:dns'
import { describe, expect, it } from 'vitest'
import { publicLookup, type LookUpName } from './public-lookup.js'

const said = (addresses: readonly string[], failure: Error | null = null): LookUpName => (_hostname, _options, callback) => {
  callback(failure, addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })))
}
/** What a connection would be told. */
const told = (lookUpName: LookUpName, all: boolean): Promise<string | readonly LookupAddress[]> => new Promise((resolve, reject) => {
  publicLookup(lookUpName)('push.example', { all }, (failure, address) => {
    if (failure === null) resolve(address)
    else reject(failure)
  })
})
const PUBLIC = '142.250.74.10'

describe('the look-up of push services', () => {
  it('gives what is public, in both forms', async () => {
    expect(await told(said([PUBLIC]), false)).toBe(PUBLIC)
    expect(await told(said([PUBLIC, '2a00:1450:4001::200a']), true)).toEqual([{ address: PUBLIC, family: 4 }, { address: '2a00:1450:4001::200a', family: 6 }])
  })

  it.each([['127.0.0.1'], ['169.254.169.254'], ['10.0.0.8'], ['::1'], ['::ffff:10.0.0.8'], [PUBLIC, '127.0.0.1'], ['fd00::1', PUBLIC], []])('gives nothing for %s %s', async (...addresses) => {
    for (const all of [true, false]) await expect(told(said(addresses), all)).rejects.toThrow(/leads to/)
  })

  it('says that a name does not resolve', async () => {
    await expect(told(said([], new Error('ENOTFOUND')), true)).rejects.toThrow('ENOTFOUND')
  })
})
