import {
  BODY_TYPE, directConversationIdOf, encodeAcks, encodeCbor, encodeDelivery, encodeEnvelope, encodeFrame, ENVELOPE_KIND, FRAME_TYPE, idBytes,
  messageIdOf, parseAccountId, parseDeviceId, utf8,
  type AccountId, type AccountState, type CborValue, type DeviceId, type MessageId, type Position, type WalletId,
} from '@evegram/protocol'
import type { Message, StoreChange } from '@evegram/sdk'
import { SimProcess } from '../../kernel/process.js'
import { Run, type PromiseName } from '../../kernel/run.js'
import { Auditor, type AuditorOptions } from '../auditor.js'

const id = (digits: string): string => digits.repeat(16)

export const ALICE = parseAccountId(id('a0'))
export const BOB = parseAccountId(id('b0'))
export const CAROL = parseAccountId(id('c0'))
export const A1 = parseDeviceId(id('a1'))
export const A2 = parseDeviceId(id('a2'))
export const B1 = parseDeviceId(id('b1'))
export const C1 = parseDeviceId(id('c1'))
export const GHOST = parseDeviceId(id('ee'))
export const CHAT = directConversationIdOf(ALICE, BOB)
export const NAMES: ReadonlyMap<DeviceId, string> = new Map([[A1, 'alice-1'], [A2, 'alice-2'], [B1, 'bob-1'], [C1, 'carol-1']])

/** A message of the scene. */
export interface Said {
  readonly message: Message
  readonly envelope: Uint8Array
  readonly bodies: readonly DeviceId[]
}

/** What may differ from the ordinary message. */
export interface Saying {
  readonly from?: DeviceId
  readonly bodies?: readonly DeviceId[]
  readonly skip?: readonly DeviceId[]
  readonly order?: bigint
  readonly above?: bigint
  /** Version of Alice's log that the envelope names. */
  readonly seq?: number
}

/** Observations by hand: alice-1 and bob-1 talk through node n1; each step is what a correct system would show. */
export class Scene {
  readonly run = new Run({ seed: 'auditor', keepTrace: true })
  readonly auditor: Auditor
  readonly node = new SimProcess({
    machine: 'n1', start: 1, scheduler: this.run.scheduler, random: this.run.random('n1'), startEpochMs: this.run.startEpochMs,
    faults: { wallAheadMs: 0, rate: 1 },
  })
  #numbers = new Map<DeviceId, number>()
  #arrivals = new Map<DeviceId, number>()
  #correlation = 0
  #packet = 0

  constructor(options: AuditorOptions = {}) {
    this.auditor = new Auditor(this.run, options)
    this.auditor.personMade('alice', ALICE)
    this.auditor.personMade('bob', BOB)
    this.auditor.personMade('carol', CAROL)
    for (const [device, account] of [[A1, ALICE], [B1, BOB], [C1, CAROL]] as const) {
      this.auditor.deviceMade(NAMES.get(device) ?? '', account, device)
    }
    this.auditor.entryStored(stateOf(ALICE, 1, { [A1]: true }))
    this.auditor.entryStored(stateOf(BOB, 1, { [B1]: true }))
    this.auditor.entryStored(stateOf(CAROL, 1, { [C1]: true }))
    this.auditor.sent(this.node, 1, encodeFrame(FRAME_TYPE.welcome, 0, new Uint8Array(0)))
  }

  get broken(): PromiseName | undefined {
    return this.run.violation?.promise
  }

  /** A log time of now. */
  get nowMs(): number {
    return Math.floor(this.run.trueTimeMs)
  }

  async go(ms: number): Promise<void> {
    this.run.scheduler.after(ms, () => undefined)
    await this.run.scheduler.run(this.run.nowMs + ms, () => undefined)
  }

  compose(text: string, { from = A1, bodies = [B1], skip = [], order, seq }: Saying = {}): Said {
    const number = (this.#numbers.get(from) ?? 0) + 1
    this.#numbers.set(from, number)
    const account = from === B1 ? BOB : ALICE
    const key = { conversation: CHAT, device: from, epoch: 1, number }
    const orderKey = order ?? (BigInt(this.nowMs) << 16n) + BigInt(number)
    const envelope = encodeEnvelope({
      kind: ENVELOPE_KIND.message, ...key, account, order: orderKey, membershipVersion: 1,
      accounts: seq === undefined ? [] : [{ account: ALICE, seq }],
      bodies: [
        ...bodies.map((device) => ({ device, type: BODY_TYPE.message, bytes: new Uint8Array(20).fill(number) })),
        ...skip.map((device) => ({ device, type: BODY_TYPE.skip, bytes: new Uint8Array(0) })),
      ],
    })
    const message: Message = {
      messageId: messageIdOf(key), conversation: CHAT, from: account, fromAccount: account, fromDevice: from, direction: 'out', kind: 'text', text,
      order: orderKey, epoch: 1, number, sentAtMs: this.nowMs, receivedAtMs: this.nowMs, state: 'queued', arrival: 1,
    }
    return { message, envelope, bodies }
  }

  /** The sender's commit, and the end of `send`. */
  say(text: string, saying: Saying = {}): Said {
    const name = NAMES.get(saying.from ?? A1) ?? ''
    this.auditor.saying(name, CHAT, text, saying.above ?? 0n)
    const said = this.compose(text, saying)
    this.auditor.committed(name, this.ownRows(said))
    this.auditor.said(name, said.message)
    return said
  }

  ownRows({ message, envelope }: Said): StoreChange[] {
    return [
      ...this.#shownRows(message.fromDevice, message), handledRow(message.messageId, 0),
      outboxRow(message.messageId, envelope, message.number),
    ]
  }

  /** What a receiver commits with a message. */
  shownRows(device: DeviceId, { message }: Said): StoreChange[] {
    const { conversation, fromDevice, number } = message
    return [
      ...this.#shownRows(device, { ...message, direction: 'in', state: 'received' }), handledRow(message.messageId, 1),
      { table: 'sessions', key: 'signal/session/x', value: new Uint8Array(1) },
      { ...chainRow(fromDevice, number), key: `r/${conversation}/${fromDevice}/00000001` },
    ]
  }

  show(device: DeviceId, said: Said): void {
    this.auditor.committed(NAMES.get(device) ?? '', this.shownRows(device, said))
  }

  /** The node is handed the send; returns its correlation. */
  send({ envelope }: Pick<Said, 'envelope'>, flags = 0): number {
    const correlation = ++this.#correlation
    this.auditor.received(this.node, 1, encodeFrame(FRAME_TYPE.send, correlation, envelope, flags))
    return correlation
  }

  store({ envelope }: Pick<Said, 'envelope'>, position: Position, askedAtMs = position.timeMs): void {
    this.auditor.copyStored(CHAT, envelope, position, askedAtMs)
    for (const account of [ALICE, BOB]) this.auditor.marked(account, CHAT, Math.floor(position.timeMs / 3_600_000))
  }

  /** A data packet with the message leaves the node. */
  publish({ envelope, bodies }: Said, position: Position): number {
    const frame = encodeFrame(FRAME_TYPE.deliver, 0, encodeDelivery({ position, envelope }))
    const header = Buffer.alloc(24)
    header[0] = header[1] = 1
    header.writeUInt32BE(1, 4)
    this.auditor.published(this.node, 'evegram.engine.node.2', Buffer.concat([header, idBytes(bodies[0] ?? B1), frame]), ++this.#packet)
    return this.#packet
  }

  ack(correlation: number, position: Position): void {
    this.auditor.sent(this.node, 1, encodeFrame(FRAME_TYPE.ack, 0, encodeAcks([{ correlation, position }])))
  }

  /** From the send frame to the ack and the sender's note of it. */
  deliver(said: Said, position: Position = this.at(this.nowMs), flags = 0): void {
    const correlation = this.send(said, flags)
    this.store(said, position)
    this.auditor.flushed(this.node, this.publish(said, position))
    this.ack(correlation, position)
    this.sent(said)
  }

  sent({ message }: Said): void {
    this.auditor.committed(NAMES.get(message.fromDevice) ?? '', [
      messageRow({ ...message, state: 'sent' }), { table: 'outbox', key: outboxKey(message.number), value: undefined },
    ])
  }

  at(timeMs: number): Position {
    return { timeMs, incarnation: 1, counter: 0 }
  }

  cursor(device: DeviceId, ms: number): void {
    this.auditor.committed(NAMES.get(device) ?? '', [{ table: 'meta', key: 'cursor', value: encodeCbor({ ms }) }])
  }

  #shownRows(device: DeviceId, message: Message): StoreChange[] {
    const arrival = (this.#arrivals.get(device) ?? 0) + 1
    this.#arrivals.set(device, arrival)
    const row = messageRow(message)
    return [row, { table: 'messages', key: `a/${arrival}`, value: utf8(row.key) }]
  }
}

const outboxKey = (number: number): string => number.toString(16).padStart(14, '0')

export function messageRow(message: Message): StoreChange {
  const { conversation, fromAccount, fromDevice, order, number } = message
  return {
    table: 'messages', key: `m/${conversation}/${order.toString(16)}/${fromDevice}/1/${number}`,
    value: encodeCbor({
      conversation: idBytes(conversation), from: message.from, account: idBytes(fromAccount), device: idBytes(fromDevice),
      out: message.direction === 'out', kind: message.kind,
      text: message.text, order, epoch: message.epoch, number, sentAtMs: message.sentAtMs, receivedAtMs: message.receivedAtMs,
      state: ['queued', 'sent', 'failed', 'received'].indexOf(message.state), arrival: message.arrival, gap: false,
    }),
  }
}

export function handledRow(message: MessageId, status: number): StoreChange {
  const value = encodeCbor({ status, ciphertext: new Uint8Array(32), chain: new Uint8Array(32), row: new Uint8Array(0) })
  return { table: 'handled', key: message, value }
}

export function outboxRow(message: MessageId, envelope: Uint8Array, number: number, kind = 0): StoreChange {
  return {
    table: 'outbox', key: outboxKey(number),
    value: encodeCbor({
      seq: number, conversation: idBytes(CHAT), message: idBytes(message), kind, number, envelope, refusals: 0, missing: [], parked: false,
    }),
  }
}

/** A chain that is verified or named up to `number`. Its key is filled in by the caller. */
export function chainRow(device: DeviceId, number: number, gaps: readonly CborValue[] = []): StoreChange {
  return {
    table: 'chains', key: 'chain',
    value: encodeCbor({
      account: idBytes(ALICE), device: idBytes(device), epoch: 1, soundAtMs: 0, number, hash: new Uint8Array(32), ahead: [], gaps, joinedAt: 1,
    }),
  }
}

export function headOf(seq: number, fork = 0): Uint8Array {
  return new Uint8Array(32).fill(seq + 16 * fork)
}

export function stateOf(
  account: AccountId, seq: number, devices: Readonly<Record<string, boolean>>, wallets: readonly WalletId[] = [],
): AccountState {
  const known = Object.entries(devices).map(([device, active]) => [parseDeviceId(device), {
    identityKey: new Uint8Array(33), signingKey: new Uint8Array(32), registrationId: 1, addedSeq: device === parseDeviceId(A2) ? 2 : 1, attestedAtMs: 0, active,
  }] as const)
  return {
    account, seq, head: headOf(seq), wallets: new Map(wallets.map((wallet) => [wallet, { active: true, linkedAtSeq: 1 }])), devices: new Map(known),
    approveDevices: false, closed: false,
  }
}

export function accountRow(state: AccountState, heads = Array.from({ length: state.seq }, (_, index) => headOf(index + 1))): StoreChange {
  return {
    table: 'accounts', key: `log/${state.account}`,
    value: encodeCbor({
      v: 1, account: idBytes(state.account), seq: state.seq, head: state.head, approveDevices: false, closed: false,
      wallets: [...state.wallets].map(([wallet, { active, linkedAtSeq }]) => ({ wallet, active, linkedAtSeq })),
      devices: [...state.devices].map(([device, known]) => ({
        device: idBytes(device), identityKey: known.identityKey, signingKey: known.signingKey, registrationId: 1, addedSeq: 1, attestedAtMs: 0,
        active: known.active,
      })),
      heads: Buffer.concat(heads),
    }),
  }
}

