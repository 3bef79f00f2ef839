import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Context } from '../context.js'
import { runCommand } from '../testing/command-run.js'
import { gaps } from './gaps.js'
import { history } from './history.js'
import { notices } from './notices.js'
import { requests } from './requests.js'
import { walletPayments } from './wallet-payments.js'

const conversation = { id: '0c'.repeat(16), peer: { account: '0b'.repeat(16), address: 'UQbob' }, gaps: () => Promise.resolve([]), history: () => Promise.resolve([]) }
/** A profile in which nothing is, and whose server does not answer. */
const client = {
  state: 'offline', whenSynced: () => new Promise<void>(() => undefined), on: () => () => undefined, account: '0a'.repeat(16), address: 'UQalice',
  conversation: () => Promise.resolve(conversation), conversations: () => Promise.resolve([]), requests: () => Promise.resolve([]), notices: { list: () => Promise.resolve([]) },
  wallet: { assets: () => Promise.resolve([]), payments: () => Promise.resolve([]) },
}

describe('what a device has, without its server', () => {
  beforeEach(() => { vi.useFakeTimers() })
  afterEach(() => { vi.useRealTimers() })

  it.each<readonly [string, (context: Context) => Promise<void>]>([
    ['gaps', (context) => gaps(context, 'UQbob', {})], ['requests', requests], ['history', (context) => history(context, 'UQbob', { limit: 5, read: false })],
    ['notices', (context) => notices(context, {})], ['wallet payments', (context) => walletPayments(context, { wait: 60 })],
  ])('is not called all that there is: %s', async (_name, command) => {
    const run = runCommand(client, command)
    await vi.advanceTimersByTimeAsync(10_000)
    const { error } = await run
    expect(error).toMatchObject({ code: 'unavailable.server', advice: expect.stringContaining('what this device has') as unknown })
  })
})
