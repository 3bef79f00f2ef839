import { ManualClock } from '@evegram/platform'
import { LocalRateBuckets } from './local-rate-buckets.js'
import { describeRateBuckets } from './ports/rate-buckets.contract.js'

describeRateBuckets({
  name: 'in one process',
  setup: async () => {
    const clock = new ManualClock()
    return { processes: [new LocalRateBuckets(clock)], advance: async (ms) => { clock.advance(ms) }, close: async () => undefined }
  },
})
