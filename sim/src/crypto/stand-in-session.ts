import { SESSION_LIMITS, SignalRefusal } from '@evegram/sdk/parts'
import { digestOf, standInAgreement } from './stand-in-keys.js'

/** Messages of the other side between two of its ratchet steps. Keys are base64. */
export interface ReceivingChain {
  /** The other side's public ratchet key. */
  readonly ratchetKey: string
  /** Absent once the other side has gone on to a newer chain: no key can be made any more. */
  readonly key?: string
  /** Of the newest message whose key was made; -1 before the first. */
  readonly counter: number
  /** Keys of messages that did not come yet, by counter; an object, because JSON has no maps. */
  readonly messageKeys: Readonly<Record<string, string>>
}

/** A session as its record keeps it; public keys are base64 of 33 bytes. */
export interface StandInSession {
  /** -1 while open; else the place in the order in which sessions were closed. */
  readonly closed: number
  readonly remoteIdentityKey: string
  readonly baseKey: string
  /** Whether this side started it. */
  readonly ours: boolean
  readonly registrationId: number
  readonly rootKey: string
  /** Own ratchet key, public half: the agreement of the stand-in needs no other. */
  readonly ratchetKey: string
  /** Key of the next message of this side and its counter less one; absent until the other side's first message was read. */
  readonly sending?: { readonly key: string; readonly counter: number }
  /** The newest chain of the other side; absent until its first message was read. */
  readonly receiving?: ReceivingChain
  /** Closed receiving chains, oldest first. */
  readonly old: readonly ReceivingChain[]
  /** Counter of the last message of the sending chain before this one. */
  readonly previousCounter: number
  /** What the other side needs to build the session, until it has answered. */
  readonly pending?: { readonly preKeyId: number; readonly signedPreKeyId: number }
}

/** All sessions with one device, in the order in which they were made. */
export interface StandInRecord {
  readonly sessions: readonly StandInSession[]
}

/** Root and chain key of a step from `rootKey` with the agreement of two ratchet keys. */
export function ratchetStep(rootKey: string, one: string, other: string): { readonly rootKey: string; readonly chainKey: string } {
  const secret = standInAgreement(one, other)
  return { rootKey: digestOf('root', rootKey, secret), chainKey: digestOf('chain', rootKey, secret) }
}

/** The key of the message after `key`, and the key that follows on it. */
export function chainStep(key: string): { readonly messageKey: string; readonly next: string } {
  return { messageKey: digestOf('message', key), next: digestOf('next', key) }
}

/** `chain` with its keys up to `counter`. Throws `too_far_ahead`, or `undecryptable` for a closed chain. */
export function filled(chain: ReceivingChain, counter: number): ReceivingChain {
  if (chain.counter >= counter) return chain
  if (counter - chain.counter > SESSION_LIMITS.skippedAheadMax) throw new SignalRefusal('too_far_ahead')
  let { key } = chain
  if (key === undefined) throw new SignalRefusal('undecryptable')
  const messageKeys: Record<string, string> = { ...chain.messageKeys }
  for (let next = chain.counter + 1; next <= counter; next++) {
    const step = chainStep(key)
    messageKeys[next] = step.messageKey
    key = step.next
  }
  return { ratchetKey: chain.ratchetKey, key, counter, messageKeys }
}

/** The record of a text, or an empty one. */
export function recordOf(text: string | undefined): StandInRecord {
  // Written by `JSON.stringify` of a record, in the transaction of an operation: its shape is ours.
  return text === undefined ? { sessions: [] } : (JSON.parse(text) as StandInRecord)
}

/** The session that messages are encrypted in, if any. */
export function openSession(record: StandInRecord): StandInSession | undefined {
  return record.sessions.find(({ closed }) => closed === -1)
}

/** The session that the other side started with `baseKey`, if any. */
export function sessionOfBaseKey(record: StandInRecord, baseKey: string): StandInSession | undefined {
  return record.sessions.find((session) => session.baseKey === baseKey && !session.ours)
}

/** The open session, then the closed ones, newest first: the order in which a message is tried on them. */
export function sessionsToTry(record: StandInRecord): readonly StandInSession[] {
  const rank = ({ closed }: StandInSession): number => (closed === -1 ? Number.MAX_SAFE_INTEGER : closed)
  return record.sessions.toSorted((one, other) => rank(other) - rank(one))
}

/** `record` with its open session, if any, closed. */
export function withOpenArchived(record: StandInRecord): StandInRecord {
  const open = openSession(record)
  if (open === undefined) return record
  const last = record.sessions.reduce((highest, { closed }) => Math.max(highest, closed), 0)
  return withSession(record, { ...open, closed: last + 1 })
}

/** `record` with `session` in the place of its earlier state, and at most as many closed ones as libsignal keeps. */
export function withSession(record: StandInRecord, session: StandInSession): StandInRecord {
  const known = record.sessions.some(({ baseKey }) => baseKey === session.baseKey)
  const sessions = known
    ? record.sessions.map((other) => (other.baseKey === session.baseKey ? session : other))
    : [...record.sessions, session]
  if (sessions.length <= SESSION_LIMITS.archivedSessionsMax) return { sessions }
  const closed = sessions.filter((other) => other.closed !== -1).sort((one, other) => other.closed - one.closed)
  const dropped = new Set(closed.slice(SESSION_LIMITS.archivedSessionsMax))
  return { sessions: sessions.filter((other) => !dropped.has(other)) }
}

/** `session` with the newest old chains and the newest skipped keys only. */
export function bounded(session: StandInSession): StandInSession {
  const old = session.old.slice(-SESSION_LIMITS.oldChainsMax)
  const counts = [...old, ...(session.receiving === undefined ? [] : [session.receiving])].map(({ messageKeys }) => Object.keys(messageKeys).length)
  if (counts.reduce((sum, count) => sum + count, 0) <= SESSION_LIMITS.skippedKeysMax) return { ...session, old }
  let left: number = SESSION_LIMITS.skippedKeysMax
  const cut = (chain: ReceivingChain): ReceivingChain => {
    // Integer keys of an object come in ascending order: the newest are the last.
    const entries = Object.entries(chain.messageKeys)
    const kept = entries.slice(Math.max(0, entries.length - left))
    left -= kept.length
    return { ...chain, messageKeys: Object.fromEntries(kept) }
  }
  const receiving = session.receiving === undefined ? {} : { receiving: cut(session.receiving) }
  return { ...session, ...receiving, old: old.toReversed().map(cut).toReversed() }
}
