/* eslint-disable no-restricted-imports -- the contract suites of the ports are test code of their workspaces and no part of what those export */
import { describeBus } from '../../../../platform/src/bus.contract.js'
import { describeEnvelopeLog } from '../../../../engine/src/ports/envelope-log.contract.js'
import { describeInterest } from '../../../../engine/src/ports/interest.contract.js'
import { describeMarks } from '../../../../engine/src/ports/marks.contract.js'
import { describeMembership } from '../../../../engine/src/ports/membership.contract.js'
import { describeNodeRegistry } from '../../../../engine/src/ports/node-registry.contract.js'
import { describePresence } from '../../../../engine/src/ports/presence.contract.js'
import type { SimProcess } from '../../kernel/process.js'
import type { StorePersonality } from './engine-faults.js'
import type { EnginePorts } from './stores.js'
import { StoreWorld } from './testing/store-world.js'

interface Subject {
  readonly world: StoreWorld
  readonly ports: EnginePorts
  /** Another program in place of the first, which was killed. */
  readonly restart: () => EnginePorts
  readonly close: () => Promise<void>
}

function subject(personality: StorePersonality): Subject {
  const world = new StoreWorld(personality, 'contract', { handlerThrew: () => undefined })
  world.drive()
  let node: SimProcess = world.start()
  return {
    world, ports: world.stores.portsFor(node),
    restart: () => {
      node.kill()
      node = world.start()
      return world.stores.portsFor(node)
    },
    close: async () => { world.stop() },
  }
}

for (const personality of ['atomic', 'quorum'] as const) {
  const name = `simulated, ${personality}`
  describeEnvelopeLog({
    name, gaps: personality === 'quorum' ? ['exists'] : [],
    setup: async () => {
      const { ports, restart, close } = subject(personality)
      return { log: ports.log, reopen: async () => restart().log, close }
    },
  })
  describeMarks({ name, setup: async () => {
    const { ports, close } = subject(personality)
    return { log: ports.log, marks: ports.marks, close }
  } })
  describeMembership({ name, setup: async () => {
    const { ports, restart, close } = subject(personality)
    return { membership: ports.membership, reopen: async () => restart().membership, close }
  } })
  describeNodeRegistry({ name, setup: async () => {
    const { world, ports, restart, close } = subject(personality)
    return { registry: ports.registry, log: ports.log, reopen: async () => restart().registry, advance: (ms) => world.advance(ms), close }
  } })
}

describePresence({ name: 'simulated', setup: async () => {
  const { world, ports, close } = subject('quorum')
  return { presence: ports.presence, advance: (ms) => world.advance(ms), close }
} })
describeInterest({ name: 'simulated', setup: async () => {
  const { world, ports, close } = subject('quorum')
  return { interest: ports.interest, advance: (ms) => world.advance(ms), close }
} })
describeBus('simulated', async () => {
  const { world, close } = subject('quorum')
  return { connect: async () => world.stores.portsFor(world.start()).bus, close }
})
