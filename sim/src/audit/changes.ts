import type { DeviceId, MessageId } from '@evegram/protocol'
import type { Message, StoreChange } from '@evegram/sdk'
import { decodeMessage, MESSAGE_PREFIX } from '@evegram/sdk/parts'
import { DiskTexts } from './disk-texts.js'
import { short, type AuditContext, type DeviceRecord, type MessageRecord } from './ledger.js'
import type { Liveness } from './liveness.js'
import { isLater, truthOf, type IntendedChange, type SaidChange, type Truth } from './message-truth.js'

/** What one disk shows of messages. */
interface DiskView {
  readonly rows: Map<string, Message>
  readonly byId: Map<MessageId, Message>
  /** What it deleted, or let disappear. */
  readonly gone: Set<MessageId>
  readonly texts: DiskTexts
}

/**
 * Edits, reactions, deletions and messages that disappear. P2: nothing is shown that nobody said, and what was deleted or has disappeared does not come back. In the
 * end every device shows what all that was said makes of a message, nothing that disappears is left, and no disk holds a text that is gone, in whatever table.
 */
export class Changes {
  readonly #context: AuditContext
  readonly #liveness: Liveness
  readonly #intended = new Map<number, IntendedChange>()
  /** Of each message: what was said about it and is durable, and how often nobody knows whether it was. */
  readonly #said = new Map<MessageId, { readonly intended: IntendedChange; readonly id: MessageId }[]>()
  readonly #unsure = new Map<MessageId, number>()
  readonly #edits = new Map<MessageId, Set<string>>()
  readonly #views = new Map<DeviceId, DiskView>()

  constructor(context: AuditContext, liveness: Liveness) {
    this.#context = context
    this.#liveness = liveness
  }

  /** A device is about to be asked for a change, which `token` names. */
  changing(token: number, change: IntendedChange): void {
    this.#intended.set(token, change)
    this.#unsure.set(change.message, (this.#unsure.get(change.message) ?? 0) + 1)
    if (change.what.kind === 'edit') this.#edits.set(change.message, (this.#edits.get(change.message) ?? new Set()).add(change.what.text))
  }

  /** It is durable on that device, as message `id`. */
  changed(token: number, id: MessageId): void {
    const intended = this.#intended.get(token)
    if (intended === undefined) return
    const { message } = intended
    this.#unsure.set(message, (this.#unsure.get(message) ?? 1) - 1)
    this.#said.set(message, [...this.#said.get(message) ?? [], { intended, id }])
  }

  /** Whether a message whose author gave it `said` may be shown like this. */
  mayShow({ messageId, text, deleted }: Pick<Message, 'messageId' | 'text' | 'deleted'>, said: string): boolean {
    return deleted === true ? text === '' : text === said || this.#edits.get(messageId)?.has(text) === true
  }

  /** Rows of a device became durable. */
  committed(device: DeviceRecord, changes: readonly StoreChange[]): void {
    const view = this.#viewOf(device)
    for (const { table, key, value } of changes) {
      view.texts.put(`${table}/${key}`, value)
      if (table !== 'messages' || !key.startsWith(MESSAGE_PREFIX)) continue
      if (value === undefined) this.#removed(view, key)
      else this.#shown(device, view, key, decodeMessage(value))
    }
  }

  /** What is not as it must be once everything came and was read; undefined when nothing is. */
  missing(): string | undefined {
    const { ledger } = this.#context
    for (const device of ledger.devices) {
      const view = this.#views.get(device.device)
      if (view === undefined || !ledger.isExpected(device)) continue
      const wrong = this.#missingOn(device, view)
      if (wrong !== undefined) return wrong
    }
    return undefined
  }

  #missingOn(device: DeviceRecord, view: DiskView): string | undefined {
    const { run, ledger } = this.#context
    for (const message of view.byId.values()) {
      const what = `${device.name} shows message ${short(message.messageId)} of ${ledger.nameOf(message.fromDevice)}`
      if (message.expiresAtMs !== undefined) return `${what}, which was to disappear ${String(message.expiresIn)} s after it was read or sent`
      const truth = this.#truthOn(device, message)
      if (truth === undefined) continue
      run.coverage.count('audit/changes compared')
      const wrong = differenceOf(message, truth)
      if (wrong !== undefined) return `${what} ${wrong}`
    }
    for (const id of view.gone) {
      const own = ledger.messages.get(id)?.own
      const texts = [...own === undefined ? [] : [own.text], ...this.#edits.get(id) ?? []]
      for (const text of texts) {
        run.coverage.count('audit/text is nowhere')
        const place = view.texts.placeOf(text)
        if (place !== undefined) return `${device.name} still has a text of message ${short(id)}, which is gone, in row ${place}`
      }
    }
    return undefined
  }

  #shown(device: DeviceRecord, view: DiskView, key: string, message: Message): void {
    const { run, ledger } = this.#context
    const id = message.messageId
    const what = `${device.name} shows message ${short(id)} of ${ledger.nameOf(message.fromDevice)}`
    const before = view.byId.get(id)
    if (view.gone.has(id) && message.deleted !== true) run.broken('P2', `${what} again, which was gone`)
    if (before !== undefined && !this.mayShow(message, ledger.messages.get(id)?.own?.text ?? '')) run.broken('P2', `${what} with a text that nobody gave it`)
    if (message.deleted === true) {
      if (message.text !== '' || message.reactions !== undefined) run.broken('P2', `${what} as deleted, and with what it said`)
      if (!view.gone.has(id)) run.coverage.count('audit/deleted')
      view.gone.add(id)
    }
    if (message.deleted === true || message.expiresIn !== undefined) ledger.takenBack.add(id)
    view.rows.set(key, message)
    view.byId.set(id, message)
  }

  #removed(view: DiskView, key: string): void {
    const message = view.rows.get(key)
    view.rows.delete(key)
    if (message === undefined || view.byId.get(message.messageId) !== message) return
    view.byId.delete(message.messageId)
    if (message.expiresIn === undefined) return
    this.#context.run.coverage.count('audit/disappeared')
    view.gone.add(message.messageId)
  }

  /** What a device has to show of a message; undefined where something that was said about it need not have come to the device. */
  #truthOn(device: DeviceRecord, { messageId, fromDevice }: Message): Truth | undefined {
    const { ledger } = this.#context
    const record = ledger.messages.get(messageId)
    const isThere = record !== undefined && (fromDevice === device.device || this.#liveness.isOwedTo(record, device))
    if (!isThere || record.own === undefined || (this.#unsure.get(messageId) ?? 0) > 0) return undefined
    const changes: SaidChange[] = []
    for (const { intended, id } of this.#said.get(messageId) ?? []) {
      const change = ledger.messages.get(id)
      if (change === undefined || !this.#hasTaken(change, device)) return undefined
      const [copy] = change.copies
      if (copy === undefined) return undefined
      changes.push({ by: intended.by, what: intended.what, order: copy.envelope.order, device: change.device, number: change.number })
    }
    return truthOf(record.own.text, changes.sort((one, other) => (isLater(one, other) ? 1 : -1)))
  }

  #hasTaken(change: MessageRecord, device: DeviceRecord): boolean {
    return change.device === device.device ? change.acked : this.#liveness.isOwedTo(change, device)
  }

  #viewOf({ device }: DeviceRecord): DiskView {
    const known = this.#views.get(device)
    if (known !== undefined) return known
    const made: DiskView = { rows: new Map(), byId: new Map(), gone: new Set(), texts: new DiskTexts() }
    this.#views.set(device, made)
    return made
  }
}

/** What a shown message has otherwise than it must, for a person. */
function differenceOf(message: Message, truth: Truth): string | undefined {
  if (truth.deleted) return message.deleted === true ? undefined : 'which was deleted for everybody'
  if (message.deleted === true) return 'as deleted, which nobody did'
  if (message.text !== truth.text) return `with "${textOf(message.text)}", and its last text is "${textOf(truth.text)}"`
  const shown = (message.reactions ?? []).flatMap(({ emoji, by }) => by.map((account) => `${short(account)} ${emoji}`)).sort().join(', ')
  const said = [...truth.reactions].map(([account, emoji]) => `${short(account)} ${emoji}`).sort().join(', ')
  return shown === said ? undefined : `with the reactions "${shown}", and people gave "${said}"`
}

/** Texts of the workload are told apart by their beginning. */
function textOf(text: string): string {
  return text.slice(0, 16)
}
