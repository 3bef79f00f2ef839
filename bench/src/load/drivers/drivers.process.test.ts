import { describe, expect, it } from 'vitest'
import { peerFault } from '../peers/peer-programs.js'
import { evegramTarget } from '../targets/evegram-target.js'
import { peerTarget } from '../targets/peer-target.js'
import { UsageError } from '../usage-error.js'
import { describeDriver } from './driver.contract.js'

describeDriver('evegram', () => evegramTarget({ url: undefined, admin: undefined, isFresh: true, clients: 10 }))
describeDriver('evegram', () => evegramTarget({ url: undefined, admin: undefined, isFresh: true, clients: 10 }), 'e2ee')
// What a registry has is fetched or built on demand; where that fails, so does this.
for (const name of ['raw-uws', 'ws', 'socket.io', 'socket.io-uws', 'nats', 'ejabberd', 'ejabberd-no-archive'] as const) describeDriver(name, () => peerTarget(name))
for (const name of ['centrifugo', 'centrifugo-history', 'tinode'] as const) {
  const fault = peerFault(name)
  if (fault === undefined) describeDriver(name, () => peerTarget(name))
  else {
    describe(`driver ${name}`, () => {
      it('says what is missing, and what to do', async () => {
        await expect(peerTarget(name)).rejects.toThrow(UsageError)
        await expect(peerTarget(name)).rejects.toThrow(`${name} cannot be started: ${fault}; set `)
      })
    })
  }
}
