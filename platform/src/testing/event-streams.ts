import { randomBytes } from 'node:crypto'
import { connect, type JetStreamManager } from 'nats'
import { serviceAddresses } from './services.js'

/** A prefix of event streams that no other test has. Who makes streams under it removes them by {@link removeEventStreams}. */
export function freshEventPrefix(): string {
  return `test_${randomBytes(6).toString('hex')}`
}

/** Removes the event streams under a prefix, which the broker would keep room for. Rejects with the failure of the driver. */
export function removeEventStreams(prefix: string): Promise<void> {
  return manageJetStream(async (manager) => {
    for (const stream of [`${prefix}_events`, `${prefix}_dead`]) await manager.streams.delete(stream)
  })
}

/** What `work` asks the JetStream of the running NATS service. Rejects with the failure of the driver. */
export async function manageJetStream<Result>(work: (manager: JetStreamManager) => Promise<Result>): Promise<Result> {
  const nats = await connect({ servers: [...serviceAddresses('nats')] })
  try {
    return await work(await nats.jetstreamManager())
  } finally {
    await nats.close()
  }
}
