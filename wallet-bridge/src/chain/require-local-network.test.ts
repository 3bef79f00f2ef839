import { describe, expect, it } from 'vitest'
import { parseChainName } from './chain-adapter.js'
import { requireLocalNetwork } from './require-local-network.js'

describe('requireLocalNetwork', () => {
  it.each([
    ['solana', '5eykt4UsFv8P8NJdTREpY1vzqKqZKvdpKuc147dw2N9d'], ['solana', 'EtWTRABZaYq6iMfeYKouRu166VU2xqa1wcaWoxPkrZBG'],
    ['ton', 'F6OpKZKqvqeFp6CQmFomXNMfMj2EnaUSOXN+Mh+wVWk='], ['ton', 'gj+B8wb/AmlPk1z1AhVI484rhrUpgSr2oSFIh56VoSg='],
    ['ton', 'F6OpKZKqvqeFp6CQmFomXNMfMj2EnaUSOXN-Mh-wVWk'], ['ton', '17A3A92992AABEA785A7A090985A265CD31F323D849DA51239737E321FB05569'],
    ['terra', 'columbus-5'], ['terra', 'rebel-2'], ['terra', 'phoenix-1'], ['terra', ''], ['terra', 'columbus-5 localterra'],
  ])('refuses the shared network of %s that is called %s', (chain, identity) => {
    expect(() => { requireLocalNetwork(parseChainName(chain), identity) }).toThrow(expect.objectContaining({ code: 'invalid.config', details: { chain } }))
  })

  it.each([['solana', '8sVb7dYgqvMEkkHbCMnFUFpTxLPxFLzEaW9G9cPS3Qyu'], ['ton', 'AAAAKZKqvqeFp6CQmFomXNMfMj2EnaUSOXN+Mh+wVWk='], ['terra', 'localterra']])('takes a local one of %s', (chain, identity) => {
    expect(() => { requireLocalNetwork(parseChainName(chain), identity) }).not.toThrow()
  })
})
