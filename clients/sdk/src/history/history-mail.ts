import { directConversationIdOf, equalBytes, type ConversationId, type HistoryOffer, type HistoryRequest, type PayloadContent } from '@evegram/protocol'
import type { AttestedDevice } from '../account/account-verifier.js'
import type { Core } from '../core/context.js'
import type { Transaction } from '../core/transaction.js'
import { listGives, readGive, writeGive, type GiveRow } from './give-row.js'
import { pairCode } from './pair-code.js'
import { DECLINED_MAX, OFFERS_MAX, readWant, taking, writeWant, type WantRow } from './want-row.js'

/** Requests of own devices that are kept; past it the oldest ends, and its device asks again. */
export const REQUESTS_KEPT_MAX = 16

/** What own devices say to each other about history, taken in inside the transaction that marks it as handled. What is done about it is `DeviceHistory`'s. */
export class HistoryMail {
  readonly #core: Core
  readonly #conversation: ConversationId
  #onWork: () => void = () => undefined

  constructor(core: Core) {
    this.#core = core
    this.#conversation = directConversationIdOf(core.account, core.account)
  }

  /** `told` is called whenever something came that there is work about. */
  whenWork(told: () => void): void {
    this.#onWork = told
  }

  /** Stages what was said, at `atMs` by the clock of the server. From anybody but an own device it is refused. */
  async take(tx: Transaction, content: PayloadContent<'history_request' | 'history_offer'>, conversation: ConversationId, from: AttestedDevice, atMs: number): Promise<void> {
    if (from.account !== this.#core.account || conversation !== this.#conversation) {
      this.#core.events.refuse({ code: 'e2ee.envelope_mismatch', conversation, account: from.account, device: from.device, detail: 'history of another account' })
      return
    }
    if (content.kind === 'history_request') await this.#takeRequest(tx, content.body, from, atMs)
    else await this.#takeOffer(tx, content.body, from)
    tx.afterCommit(() => { this.#onWork() })
  }

  async #takeRequest(tx: Transaction, body: HistoryRequest, { device }: AttestedDevice, atMs: number): Promise<void> {
    const known = await readGive(tx, body.ask)
    // A request belongs to the device that made it.
    if (known !== undefined && known.device !== device) return
    if ('over' in body) {
      if (known !== undefined) writeGive(tx, { ...known, state: 'ended' })
      return
    }
    if (known !== undefined) {
      // It asks again: what it was told did not arrive.
      if (known.state === 'given') writeGive(tx, { ...known, state: 'stored' })
      else if (known.state === 'declined') writeGive(tx, { ...known, state: 'declining' })
      return
    }
    await this.#endOthers(tx, device)
    const row: GiveRow = { device, ask: body.ask, reads: body.reads, askedAtMs: atMs, state: 'waiting' }
    writeGive(tx, row)
    tx.afterCommit(() => {
      this.#core.events.emit('history-request', {
        device, code: pairCode({ account: this.#core.account, ask: body.ask, asking: device, giving: this.#core.device }), askedAtMs: atMs, state: 'waiting',
      })
    })
  }

  /** Earlier requests of the same device, and the oldest of all where there are too many. */
  async #endOthers(tx: Transaction, asking: GiveRow['device']): Promise<void> {
    const open = (await listGives(this.#core.store)).filter(({ state }) => state !== 'ended')
    const others = open.filter(({ device }) => device !== asking)
    for (const row of [...open.filter(({ device }) => device === asking), ...others.slice(REQUESTS_KEPT_MAX - 1)]) writeGive(tx, { ...row, state: 'ended' })
  }

  async #takeOffer(tx: Transaction, body: HistoryOffer, { device }: AttestedDevice): Promise<void> {
    const want = await readWant(tx)
    // What a person found to be somebody else's is not offered to them again; others are told when it is over.
    if (want?.state !== 'asked' || !equalBytes(want.ask, body.ask) || want.refused.includes(device)) return
    const next = 'declined' in body ? declined(want, device) : offered(want, device, body)
    writeWant(tx, next)
    tx.afterCommit(() => {
      this.#core.events.emit('history-changed', { role: 'taking', device, state: 'declined' in body ? 'declined' : next.state === 'taking' ? 'taking' : 'offered' })
    })
  }
}

function declined({ confirmed, ...want }: WantRow, device: AttestedDevice['device']): WantRow {
  const known = want.declinedBy.filter((other) => other !== device)
  return { ...want, ...(confirmed === undefined || confirmed === device ? {} : { confirmed }), declinedBy: [...known.slice(-(DECLINED_MAX - 1)), device], offers: want.offers.filter((offer) => offer.device !== device) }
}

/** Nothing is taken of a device whose digits the person did not compare: who has the wallet can add one, and it could answer first. */
function offered(want: WantRow, device: AttestedDevice['device'], { archive, messages }: Extract<HistoryOffer, { readonly archive: unknown }>): WantRow {
  if (want.confirmed === device) return taking(want, { device, archive, messages })
  return { ...want, offers: [...want.offers.filter((offer) => offer.device !== device).slice(-(OFFERS_MAX - 1)), { device, archive, messages }] }
}
