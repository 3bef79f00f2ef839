import { systemClock } from '@evegram/platform'
import { sleep } from '@evegram/protocol'
import { describeEnvelopeLog } from '../../ports/envelope-log.contract.js'
import { describeInterest } from '../../ports/interest.contract.js'
import { describeMarks } from '../../ports/marks.contract.js'
import { describeMembership } from '../../ports/membership.contract.js'
import { describeNodeRegistry } from '../../ports/node-registry.contract.js'
import { describePresence } from '../../ports/presence.contract.js'
import { describePushClaims } from '../../ports/push-claims.contract.js'
import { describePushSubscriptions } from '../../ports/push-subscriptions.contract.js'
import { MemoryEnvelopeLog } from './envelope-log.js'
import { MemoryInterest } from './interest.js'
import { MemoryMembership } from './membership.js'
import { MemoryNodeRegistry } from './node-registry.js'
import { MemoryPresence } from './presence.js'
import { MemoryPushClaims } from './push-claims.js'
import { MemoryPushSubscriptions } from './push-subscriptions.js'

const clock = systemClock()
const advance = (ms: number): Promise<void> => sleep(clock, ms)
const close = async (): Promise<void> => undefined

describeEnvelopeLog({ name: 'memory', gaps: ['reopen'], setup: async () => ({ log: new MemoryEnvelopeLog(), close }) })
describeEnvelopeLog({
  name: 'memory without exists', gaps: ['reopen', 'exists'], setup: async () => ({ log: new MemoryEnvelopeLog({ answersExists: false }), close }),
})
describeMarks({
  name: 'memory',
  setup: async () => {
    const log = new MemoryEnvelopeLog()
    return { log, marks: log.marks, close }
  },
})
describeMembership({ name: 'memory', setup: async () => ({ membership: new MemoryMembership(), close }) })
describePresence({ name: 'memory', setup: async () => ({ presence: new MemoryPresence(clock), advance, close }) })
describeInterest({ name: 'memory', setup: async () => ({ interest: new MemoryInterest(clock), advance, close }) })
describeNodeRegistry({ name: 'memory', setup: async () => ({ registry: new MemoryNodeRegistry(clock), advance, close }) })
describePushClaims({ name: 'memory', setup: async () => ({ claims: new MemoryPushClaims(clock), advance, close }) })
describePushSubscriptions({ name: 'memory', gaps: ['reopen'], setup: async () => ({ subscriptions: new MemoryPushSubscriptions(clock), nowMs: () => clock.now(), close }) })
