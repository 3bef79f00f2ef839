import {
  decodeAcks, decodeOpened, encodeAcks, encodeFailure, encodeNotice, encodeOpened, FRAME_TYPE, hexOf, viewEnvelope,
  type AccountId, type ConversationId, type DeviceId, type ErrorCode, type Frame, type Notice,
} from '@evegram/protocol'
import { accountIn, frameOf, isOfSession, messageKeyHex, type ActiveLie, type LieTools, type Victim } from './lie.js'

/** Sends that one message is refused with `stale.devices` by the liar. */
const STALE_TIMES_MAX = 2
/** Refusals that a client tries again after. */
const LATER: readonly ErrorCode[] = [
  'unavailable.envelope_log', 'append.too_late', 'limited.rate', 'unavailable.clock', 'internal', 'stale.membership',
]
/** Refusals that a client gives a message up for. */
const FINAL: readonly ErrorCode[] = ['denied.not_member', 'denied.blocked', 'conflict.message', 'too_large.envelope']

/** Sends notices of nothing: accounts that did not change, prekeys that are not low, a node that does not drain. */
export function forgeNotices(tools: LieTools): ActiveLie {
  const { random } = tools
  let peer: AccountId | undefined
  const forged = (victim: Victim): Notice => {
    const kind = random.pick(['account_changed', 'account_changed', 'prekeys_low', 'draining'] as const)
    switch (kind) {
      case 'account_changed': {
        // 16 bytes in hex: an account id by definition.
        const nobody = hexOf(random.bytes(16)) as AccountId
        return { kind, account: random.pick([victim.account ?? nobody, peer ?? nobody, nobody]), seq: random.between(1, 5) }
      }
      case 'prekeys_low': return { kind, remaining: random.between(0, 3) }
      case 'draining': return { kind, spreadMs: random.between(0, 5_000) }
      default: return kind satisfies never
    }
  }
  return {
    delivery(delivery) {
      peer = accountIn(delivery.envelope)
      return [delivery]
    },
    fromServer(frame, victim) {
      if (!isOfSession(frame) || !random.chance(0.15)) return [frame]
      const notice = forged(victim)
      tools.changed(notice.kind)
      return [frameOf(FRAME_TYPE.notice, encodeNotice(notice)), frame]
    },
  }
}

/** Says of sends that were stored that they failed. */
function failing(tools: LieTools, codes: readonly ErrorCode[], chance: number): ActiveLie {
  const chosen = new Map<number, ErrorCode>()
  let connection = 0
  return {
    fromClient(frame, victim) {
      if (victim.connection !== connection) chosen.clear()
      connection = victim.connection
      if (frame.type === FRAME_TYPE.send && tools.random.chance(chance)) chosen.set(frame.correlation, tools.random.pick(codes))
      return [frame]
    },
    fromServer(frame, victim) {
      if (frame.type !== FRAME_TYPE.ack || victim.connection !== connection) return [frame]
      const acks = decodeAcks(frame.body)
      const honest = acks.filter(({ correlation }) => !chosen.has(correlation))
      if (honest.length === acks.length) return [frame]
      const failures: Frame[] = []
      for (const { correlation } of acks) {
        const code = chosen.get(correlation)
        if (code === undefined) continue
        chosen.delete(correlation)
        tools.changed(`${code} for what was stored`)
        failures.push(frameOf(FRAME_TYPE.failure, encodeFailure({ code, message: 'a lie' }), correlation))
      }
      return honest.length === 0 ? failures : [{ ...frame, body: encodeAcks(honest) }, ...failures]
    },
  }
}

/** Says of sends that were stored that they failed and may be tried again. */
export function failStoredForNow(tools: LieTools): ActiveLie {
  return failing(tools, LATER, 0.4)
}

/** Says of sends that were stored that their order key was refused: a client that believes it gives the message another one. */
export function failStoredAsAhead(tools: LieTools): ActiveLie {
  return failing(tools, ['order.ahead'], 0.3)
}

/** Says of sends that were stored that they failed for good. */
export function failStoredForGood(tools: LieTools): ActiveLie {
  return failing(tools, FINAL, 0.2)
}

/** Acknowledges sends and throws them away. */
export function ackAndDrop(tools: LieTools): ActiveLie {
  let count = 0
  return {
    fromClient(frame, victim) {
      if (frame.type !== FRAME_TYPE.send || !tools.random.chance(0.3)) return [frame]
      const key = messageKeyHex(frame.body)
      tools.lost(key)
      tools.changed(`acknowledged and dropped ${key.slice(0, 8)}`)
      const position = { timeMs: tools.nowMs(), incarnation: 1, counter: ++count }
      tools.inject(victim, frameOf(FRAME_TYPE.ack, encodeAcks([{ correlation: frame.correlation, position }])))
      return []
    },
  }
}

/** Refuses sends and names devices that are in no log, or versions of logs that nobody can show. */
export function staleGhosts(tools: LieTools): ActiveLie {
  const { random } = tools
  const times = new Map<string, number>()
  // 16 bytes in hex: a device id by definition.
  const ghost = hexOf(random.bytes(16)) as DeviceId
  const ahead = random.pick([0, 0, 1])
  return {
    fromClient(frame, victim) {
      if (frame.type !== FRAME_TYPE.send || !random.chance(0.5)) return [frame]
      const key = messageKeyHex(frame.body)
      const before = times.get(key) ?? 0
      if (before >= STALE_TIMES_MAX) return [frame]
      times.set(key, before + 1)
      const accounts = viewEnvelope(frame.body).accounts.map(({ account, seq }) => ({ account, seq: seq + ahead }))
      tools.changed(`asked for ghost ${ghost.slice(0, 8)}`)
      const body = encodeFailure({ code: 'stale.devices', message: 'a lie', accounts, missing: [ghost] })
      tools.inject(victim, frameOf(FRAME_TYPE.failure, body, frame.correlation))
      return []
    },
  }
}

/** Answers `open` with the id of another conversation. */
export function otherConversation(tools: LieTools): ActiveLie {
  return {
    fromServer(frame) {
      if (frame.type !== FRAME_TYPE.opened) return [frame]
      tools.changed('another conversation')
      // 16 bytes in hex: a conversation id by definition.
      const conversation = hexOf(tools.random.bytes(16)) as ConversationId
      return [{ ...frame, body: encodeOpened({ ...decodeOpened(frame.body), conversation }) }]
    },
  }
}
