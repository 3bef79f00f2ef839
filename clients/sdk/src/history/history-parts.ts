import { EvegramError, type DeviceId, type PayloadContent } from '@evegram/protocol'
import type { Archives } from '../archive/archives.js'
import type { Core } from '../core/context.js'
import { ownConversation } from '../core/own-conversation.js'
import type { Transaction } from '../core/transaction.js'
import type { BlobApi } from '../files/blob-api.js'
import { composeControl, recipientsOf } from '../sync/control.js'
import type { Outbox } from '../sync/outbox.js'
import type { Transmission } from '../sync/transmit.js'
import type { HistoryMail } from './history-mail.js'

/** Bounds of history between own devices, units last. */
export const HISTORY_LIMITS = {
  /** A request that nobody answered is made again after this time: control traffic that was lost is not sent again by itself. */
  askAgainMs: 6 * 3_600_000,
  /** A request, and what was given for it, ends after this time. */
  keptMs: 7 * 24 * 3_600_000,
  /** Times that a blob is sent from its beginning because the server has it damaged or not at all. */
  damagedMax: 2,
  /** Sealed bytes of one request to the server, in chunks. */
  chunksPerRequest: 16,
  /** Messages between two `history-progress` events. */
  messagesPerStep: 100,
} as const

/** What both sides work on. */
export interface HistoryParts {
  readonly core: Core
  readonly outbox: Outbox
  readonly transmission: Transmission
  readonly archives: Archives
  readonly mail: HistoryMail
  /** The store of encrypted files of the server, where it has one. */
  readonly api: BlobApi | undefined
}

/** Active devices of the own account beside this one, as they are known. */
export function otherDevices({ roster, account, device: self }: Core): readonly DeviceId[] {
  return roster.devicesOf(account).map(({ device }) => device).filter((device) => device !== self)
}

/**
 * Stages control traffic for the own devices that `to` names. `also` stages what becomes durable with it, and says whether it is still to be said. Rejects
 * `unavailable.server` when none of the devices can be reached now, as the store does, and `limited.queue` when the outbox is full.
 */
export async function tellOwn(
  { core, outbox, transmission }: HistoryParts, content: PayloadContent<'history_request' | 'history_offer'>, to: (device: DeviceId) => boolean, also: (tx: Transaction) => Promise<boolean>,
): Promise<void> {
  const conversation = await ownConversation(core, transmission)
  await core.local.write(async (tx) => {
    if (!(await also(tx))) return
    outbox.checkRoom()
    const row = await composeControl(core, tx, conversation, recipientsOf(core, conversation).filter(({ device }) => to(device)), content)
    // Thrown inside of the transaction: nothing of it is written.
    if (row === undefined) throw new EvegramError('unavailable.server', { operation: 'tell own devices' })
    outbox.add(tx, row)
  })
}
