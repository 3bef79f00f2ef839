import {
  decodeOpen, decodeRead, encodeFrame, encodeOpened, encodePage, EvegramError, FRAME_TYPE, isEvegramError, LIMITS, noticesConversationIdOf,
  type Frame, type Position, type Read,
} from '@evegram/protocol'
import type { Logger } from '@evegram/platform'
import type { AccountDirectory } from '../ports/account-directory.js'
import type { EnvelopeLog, StoredEnvelope } from '../ports/envelope-log.js'
import type { Membership } from '../ports/membership.js'
import { pageDelivery } from './catch-up.js'
import type { Conversations } from './conversations.js'
import { bodyFor, deliveryBytes } from './delivery.js'
import type { Gate } from './gate.js'
import type { BacklogDelivery } from './resume.js'
import type { Session, SessionOwner } from './session.js'

/** Reads of the log for one `read` request: history that holds nothing for the device is skipped only so far. */
const READS_PER_REQUEST_MAX = 32

/** What requests need. */
export interface RequestParts {
  readonly directory: AccountDirectory
  readonly membership: Membership
  readonly conversations: Conversations
  readonly log: EnvelopeLog
  readonly gate: Gate
  readonly logger: Logger
}

/** Answers `open` and `read`. */
export class Requests {
  readonly #parts: RequestParts

  constructor(parts: RequestParts) {
    this.#parts = parts
  }

  /** Makes or finds the direct conversation with the named account. Never rejects. Throws `invalid.cbor`, `invalid.request` at once. */
  open(session: Session, owner: SessionOwner, frame: Frame): Promise<void> {
    const { peer } = decodeOpen(frame.body)
    return this.#answer(session, frame.correlation, async () => {
      const { directory, membership, conversations } = this.#parts
      const summary = await directory.summary(peer)
      if (summary === undefined) throw new EvegramError('account.not_found', { operation: 'open conversation' })
      if (summary.closed) throw new EvegramError('account.closed', { operation: 'open conversation' })
      const { conversation } = await membership.openDirect(owner.account, peer)
      const lease = await conversations.lease(conversation, true)
      if (lease === undefined) throw new EvegramError('internal', { operation: 'read opened conversation' })
      return encodeFrame(FRAME_TYPE.opened, frame.correlation, encodeOpened({
        conversation, membershipVersion: lease.membershipVersion, members: lease.versions,
      }))
    })
  }

  /** One page of the history of a conversation that the account is a member of. Never rejects. Throws as the decoder does, at once. */
  read(session: Session, owner: SessionOwner, frame: Frame): Promise<void> {
    const request = decodeRead(frame.body)
    return this.#answer(session, frame.correlation, async () => {
      const { conversations } = this.#parts
      // Nobody opens what the server tells an account: whose it is says who reads it.
      const isOwnNotices = request.conversation === noticesConversationIdOf(owner.account)
      const lease = await (isOwnNotices ? conversations.notices(owner.account) : conversations.lease(request.conversation))
      if (lease === undefined || lease.kind === 'channel') throw new EvegramError('not_found.conversation', { operation: 'read history' })
      if (!lease.members.includes(owner.account)) throw new EvegramError('denied.not_member', { operation: 'read history' })
      const page = await this.#parts.gate.run(() => this.#page(owner, request))
      return encodeFrame(FRAME_TYPE.page, frame.correlation, encodePage(page))
    })
  }

  async #page(owner: SessionOwner, request: Read): Promise<{ deliveries: { position: Position; envelope: Uint8Array }[]; more: boolean }> {
    const device = owner.deviceBytes
    const found: BacklogDelivery[] = []
    let bytes = 0
    let after = request.after
    let last: StoredEnvelope | undefined
    const page = (more: boolean): { deliveries: { position: Position; envelope: Uint8Array }[]; more: boolean } => {
      // The client goes on behind the last delivery: a long stretch without anything for it ends in one that has no body.
      const marker = more && found.length === 0 && last !== undefined ? [{ position: last.position, envelope: last.envelope, body: { start: 0, end: 0 } }] : []
      return { deliveries: marker.length > 0 ? marker.map(withoutBody) : found.map(pageDelivery), more }
    }
    for (let reads = 0; reads < READS_PER_REQUEST_MAX; reads++) {
      const copies = await this.#parts.log.read(request.conversation, after, request.limit)
      for (const copy of copies) {
        const body = bodyFor(copy.envelope, device)
        if (body !== undefined) {
          bytes += deliveryBytes(body)
          if (found.length > 0 && bytes > LIMITS.pageBytesMax) return page(true)
          found.push({ ...copy, body })
          if (found.length >= request.limit) return page(true)
        }
        last = copy
        after = copy.position
      }
      if (copies.length < request.limit) return page(false)
    }
    return page(true)
  }

  async #answer(session: Session, correlation: number, work: () => Promise<Uint8Array>): Promise<void> {
    try {
      session.out.frame(await work())
    } catch (failure) {
      const code = isEvegramError(failure) ? failure.code : 'internal'
      if (code === 'internal') this.#parts.logger.error({ err: failure }, 'a request failed')
      session.fail(correlation, { code, message: new EvegramError(code).advice })
    }
  }
}

function withoutBody({ position, envelope }: BacklogDelivery): { position: Position; envelope: Uint8Array } {
  const slice = pageDelivery({ position, envelope, body: { start: 0, end: 0 } }).envelope
  // Offset 2 holds the count of bodies (u16).
  slice[3] = 0
  return { position, envelope: slice }
}
