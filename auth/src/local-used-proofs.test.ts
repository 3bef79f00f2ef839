import { ManualClock } from '@evegram/platform'
import { LocalUsedProofs } from './local-used-proofs.js'
import { describeUsedProofs, KEEP_MS } from './ports/used-proofs.contract.js'

describeUsedProofs({
  name: 'in one process',
  setup: async () => {
    const clock = new ManualClock()
    return { processes: [new LocalUsedProofs(clock, { keepMs: KEEP_MS })], advance: async (ms) => { clock.advance(ms) }, close: async () => undefined }
  },
})
