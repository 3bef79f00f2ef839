import { ManualClock } from '@evegram/platform'
import { describeBlobQuota } from '../ports/blob-quota.contract.js'
import { LocalBlobQuota } from './local-blob-quota.js'

describeBlobQuota({
  name: 'in process',
  setup: (rules) => {
    const clock = new ManualClock()
    return Promise.resolve({
      processes: [new LocalBlobQuota(clock, rules)],
      advance: (ms) => {
        clock.advance(ms)
        return Promise.resolve()
      },
      close: () => Promise.resolve(),
    })
  },
})
