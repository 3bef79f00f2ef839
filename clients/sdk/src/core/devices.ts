import { equalBytes, EvegramError, parseConversationId, type AccountState, type DeviceId, type PayloadBodies } from '@evegram/protocol'
import type { AttestedDevice } from '../account/account-verifier.js'
import { composeControl, recipientsOf } from '../sync/compose.js'
import type { Outbox } from '../sync/outbox.js'
import type { Transmission } from '../sync/transmit.js'
import type { Core } from './context.js'
import { CONVERSATION_PREFIX, decodeConversation, type ConversationRow } from './conversation-row.js'

/** Conversations that were active within this time are told end to end of a revoked device. */
const REVOCATION_TOLD_MS = 30 * 24 * 3_600_000
/** Conversations of a profile that one read takes. */
const CONVERSATIONS_PAGE = 500

/** All conversations of the profile. */
export async function allConversations(core: Core): Promise<ConversationRow[]> {
  const rows: ConversationRow[] = []
  let from = CONVERSATION_PREFIX
  for (;;) {
    const page = await core.store.list('conversations', { from, to: `${CONVERSATION_PREFIX}~`, limit: CONVERSATIONS_PAGE })
    for (const { key, value } of page) {
      rows.push(decodeConversation(parseConversationId(key.slice(CONVERSATION_PREFIX.length)), value))
      from = `${key} `
    }
    if (page.length < CONVERSATIONS_PAGE) return rows
  }
}

/** Carries revocations from device to device, so that a server cannot hide them: identity.md section 3. */
export class Revocations {
  readonly #core: Core
  readonly #outbox: Outbox
  readonly #transmission: Transmission

  constructor(core: Core, outbox: Outbox, transmission: Transmission) {
    this.#core = core
    this.#outbox = outbox
    this.#transmission = transmission
  }

  /** Tells every conversation of the last 30 days that `device` of the own account is revoked as of `state`. Durable when resolved. */
  async announce(state: AccountState, device: DeviceId): Promise<void> {
    const core = this.#core
    const nowMs = core.time.now()
    const body = { account: core.account, device, seq: state.seq, head: state.head }
    for (const conversation of await allConversations(core)) {
      if (nowMs - conversation.activeAtMs > REVOCATION_TOLD_MS) continue
      await this.#transmission.prepare(conversation)
      await core.local.write(async (tx) => {
        const row = await composeControl(core, tx, conversation, recipientsOf(core, conversation), { kind: 'revocation', body })
        if (row !== undefined) this.#outbox.add(tx, row)
      })
    }
  }

  /** A peer (or an own device) says that one of its devices is revoked: the server has to show it, and is not needed to believe it. */
  async receive(notice: PayloadBodies['revocation'], from: AttestedDevice): Promise<void> {
    const { roster, accounts, local } = this.#core
    let shown: AccountState | undefined
    let failure: EvegramError | undefined
    try {
      shown = (await roster.refresh(from.account)).state
    } catch (error) {
      failure = error instanceof EvegramError ? error : new EvegramError('internal', { operation: 'check revocation', cause: error })
    }
    const isShown = shown !== undefined && shown.seq >= notice.seq && shown.devices.get(notice.device)?.active === false
    if (isShown) {
      const fork = shown !== undefined && shown.seq === notice.seq && !equalBytes(shown.head, notice.head)
      if (fork) roster.alarm(from.account, new EvegramError('account.log_rolled_back', { operation: 'check revocation' }))
    } else {
      // The owner's own device says so over a session that only it has: nothing more is encrypted for the revoked one.
      await local.store.commit([roster.distrust(notice.device)])
      roster.alarm(from.account, failure?.code.startsWith('account.') === true
        ? failure
        : new EvegramError('account.log_withheld', { operation: 'check revocation', details: { seq: notice.seq }, ...(failure === undefined ? {} : { cause: failure }) }))
    }
    const gone = accounts.attestedDevices(from.account)
    if (!(await gone).some(({ device }) => device === notice.device)) {
      await local.write((tx) => {
        tx.apply(this.#core.ciphers.forget(notice.device))
        return Promise.resolve()
      })
    }
  }
}
