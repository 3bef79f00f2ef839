import { systemClock } from '../../clock.js'
import { describeEventStream } from '../../event-stream.contract.js'
import { silentLogger } from '../../log.js'
import { MemoryEventBroker } from './event-stream.js'

describeEventStream('memory', async () => {
  const broker = new MemoryEventBroker({ clock: systemClock(), log: silentLogger })
  return { connect: async () => broker.connect(), close: async () => undefined }
})
