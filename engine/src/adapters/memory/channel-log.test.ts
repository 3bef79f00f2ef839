import { describeChannelLog } from '../../ports/channel-log.contract.js'
import { MemoryChannelLog } from './channel-log.js'

describeChannelLog({ name: 'memory', gaps: ['reopen'], setup: async () => ({ log: new MemoryChannelLog(), close: async () => undefined }) })
