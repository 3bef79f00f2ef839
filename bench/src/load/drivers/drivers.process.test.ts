import { evegramTarget } from '../targets/evegram-target.js'
import { relayTarget } from '../targets/relay-target.js'
import { describeDriver } from './driver.contract.js'

describeDriver('evegram', () => evegramTarget({ url: undefined, admin: undefined, isFresh: true, clients: 10 }))
describeDriver('raw-uws', () => relayTarget('raw-uws'))
describeDriver('ws', () => relayTarget('ws'))
