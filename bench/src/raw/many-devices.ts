import { emptyAccountState, accountIdOf, isEvegramError, LIMITS, type AccountState } from '@evegram/protocol'
import { Progress } from '../progress.js'
import { AdaptiveWidth } from './adaptive-width.js'
import type { RawDevice, RawEnrolment } from './raw-device.js'

const CHAINS = ['solana', 'ton', 'terra'] as const
/** Accounts that are set up at the same time in the beginning, and at most on one process. */
const CONCURRENT_ACCOUNTS = 8
/** The most on a cluster, where every entry waits for the lease of rule 10. */
export const CONCURRENT_ACCOUNTS_CLUSTER = 64
/** Accounts that may fail, beside one in ten, before it is given up: a store that just started lets requests wait too long. */
const FAILURES_MIN = 20
const AFTER_FAILURE_MS = 500

/** How many devices are enrolled. */
export interface EnrolManyOptions {
  /** No progress on standard error. */
  readonly silent: boolean
  readonly concurrent?: number
  /** Hears how many there are. */
  readonly onEnrolled?: (count: number) => void
}

/**
 * Enrols `count` devices with real proofs, `perAccount` to an account (at most what the protocol allows), on the three chains in turn. An account whose
 * server did not answer in time is made anew, with another wallet. Rejects with the last failure when too many fail, and at once with one that asks for no patience.
 */
export async function enrolMany(enrolment: RawEnrolment, count: number, perAccount: number, options: EnrolManyOptions): Promise<RawDevice[]> {
  const size = Math.min(perAccount, LIMITS.devicesPerAccountMax)
  const waiting = Array.from({ length: Math.ceil(count / size) }, (_, account) => Math.min(size, count - account * size))
  const devices: RawDevice[] = []
  const progress = new Progress('signed in', count, options)
  const width = new AdaptiveWidth(CONCURRENT_ACCOUNTS, options.concurrent ?? CONCURRENT_ACCOUNTS)
  const underWay = new Set<Promise<void>>()
  let [started, enrolled, failures] = [0, 0, 0]
  const make = async (deviceCount: number): Promise<void> => {
    let own = 0
    const onDevice = (): void => {
      own++
      width.succeeded()
      progress.update(++enrolled)
      options.onEnrolled?.(enrolled)
    }
    try {
      devices.push(...await enrolAccount(enrolment, CHAINS[started++ % CHAINS.length] ?? 'solana', deviceCount, onDevice))
    } catch (error) {
      enrolled -= own
      const isPassing = isEvegramError(error) && error.retry === 'after_backoff'
      if (!isPassing || ++failures > FAILURES_MIN + waiting.length / 10) throw error
      width.failed()
      await new Promise((resolve) => setTimeout(resolve, AFTER_FAILURE_MS))
      waiting.push(deviceCount)
    }
  }
  try {
    while (waiting.length > 0 || underWay.size > 0) {
      while (underWay.size < width.now) {
        const next = waiting.shift()
        if (next === undefined) break
        const task = make(next).finally(() => { underWay.delete(task) })
        underWay.add(task)
      }
      await Promise.race(underWay)
    }
  } finally {
    // After a failure others are still under way: nobody else would hear of theirs.
    await Promise.allSettled(underWay)
    progress.stop()
  }
  return devices
}

async function enrolAccount(enrolment: RawEnrolment, chain: (typeof CHAINS)[number], deviceCount: number, onDevice: () => void): Promise<readonly RawDevice[]> {
  const wallet = enrolment.newWallet(chain)
  let state: AccountState = emptyAccountState(accountIdOf(wallet.walletId))
  const devices: RawDevice[] = []
  while (devices.length < deviceCount) {
    const enrolled = await enrolment.enrol(wallet, state)
    state = enrolled.state
    devices.push(enrolled.device)
    onDevice()
  }
  return devices
}
