import { MemoryAlarmStore } from './memory-alarm-store.js'
import { describeAlarmStore } from './ports/alarm-store.contract.js'

describeAlarmStore({
  name: 'memory',
  setup: async () => {
    const store = new MemoryAlarmStore()
    return { one: store, other: store, close: async () => undefined }
  },
})
