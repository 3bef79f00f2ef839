import { runSeed } from '../run-seed.js'
import type { SeedAnswer, SeedRequest } from './worker-messages.js'

// Forked by SeedPool: runs one seed after the other, each asked for by a message.
const answer = (message: SeedAnswer): void => { process.send?.(message) }

process.on('message', ({ id, options }: SeedRequest) => {
  runSeed(options).then(
    (result) => { answer({ id, result }) },
    (failure: unknown) => { answer({ id, failure: failure instanceof Error ? failure.stack ?? failure.message : String(failure) }) },
  )
})
// Nobody is left to read the result.
process.on('disconnect', () => { process.exit(0) })
