import { emptyAccountState, accountIdOf, LIMITS, type AccountState } from '@evegram/protocol'
import { Progress } from '../progress.js'
import type { RawDevice, RawEnrolment } from './raw-device.js'

const CHAINS = ['solana', 'ton', 'terra'] as const
/** Accounts that are set up at the same time on one process. */
const CONCURRENT_ACCOUNTS = 8
/** The same on a cluster, where every entry waits for the lease of rule 10. */
export const CONCURRENT_ACCOUNTS_CLUSTER = 64

/** Enrols `count` devices with real proofs, `perAccount` to an account (at most what the protocol allows), on the three chains in turn. */
export async function enrolMany(enrolment: RawEnrolment, count: number, perAccount: number, options: { readonly silent: boolean; readonly concurrent?: number }): Promise<RawDevice[]> {
  const size = Math.min(perAccount, LIMITS.devicesPerAccountMax)
  const accounts = Math.ceil(count / size)
  const devices: RawDevice[] = []
  const progress = new Progress('signed in', count, options)
  let next = 0
  const work = async (): Promise<void> => {
    for (let account = next++; account < accounts; account = next++) {
      const wallet = enrolment.newWallet(CHAINS[account % CHAINS.length] ?? 'solana')
      let state: AccountState = emptyAccountState(accountIdOf(wallet.walletId))
      for (let index = account * size; index < Math.min(count, (account + 1) * size); index++) {
        const enrolled = await enrolment.enrol(wallet, state)
        state = enrolled.state
        devices.push(enrolled.device)
        progress.update(devices.length)
      }
    }
  }
  await Promise.all(Array.from({ length: options.concurrent ?? CONCURRENT_ACCOUNTS }, work))
  progress.stop()
  return devices
}
