import { accountIdOf, emptyAccountState, type AccountId } from '@evegram/protocol'
import { generateDevice } from '@evegram/sdk/parts'
import { nodeSystem } from '@evegram/sdk/node'
import type { RawEnrolment } from '../raw/raw-device.js'

/** A good first entry of an account that nobody has seen, with one wallet proof in it. */
export async function nonceEntry(enrolment: RawEnrolment): Promise<{ readonly account: AccountId; readonly bytes: Uint8Array }> {
  const wallet = enrolment.newWallet('solana')
  const account = accountIdOf(wallet.walletId)
  const keys = await generateDevice(enrolment.signal, nodeSystem().random)
  const { entry } = await enrolment.deviceEntry(wallet, keys, emptyAccountState(account))
  return { account, bytes: entry }
}
