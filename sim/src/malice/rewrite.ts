import {
  BODY_HEADER_BYTES, BODY_TYPE, bytesOfHex, encodeEnvelope, ENVELOPE_KIND, ENVELOPE_OFFSETS, viewEnvelope, type Delivery,
} from '@evegram/protocol'
import { accountIn, conversationIn, hasBody, keptDelivery, messageKeyHex, senderIn, type ActiveLie, type LieTools } from './lie.js'

/** Bytes of an envelope before the ciphertext of its first body. */
const CIPHERTEXT = ENVELOPE_OFFSETS.end + BODY_HEADER_BYTES
/** Whom the ciphertexts of a victim come from; past it no more are noted. */
const SENDERS_MAX = 64

/**
 * Puts a forged envelope in the place of some messages, or beside the true one; which ones and how is drawn once for each message. `forge`
 * returns undefined where it has nothing to put.
 */
function forging(tools: LieTools, what: string, forge: (envelope: Uint8Array) => Uint8Array | undefined): ActiveLie {
  const { random } = tools
  const forged = new Map<string, { readonly envelope: Uint8Array; readonly place: 'instead' | 'before' | 'after' } | undefined>()
  return {
    delivery(delivery, _victim, isNew) {
      if (!hasBody(delivery.envelope)) return [delivery]
      const key = messageKeyHex(delivery.envelope)
      if (isNew && random.chance(0.4)) {
        const envelope = forge(delivery.envelope)
        if (envelope !== undefined) forged.set(key, { envelope, place: random.pick(['instead', 'instead', 'before', 'after']) })
      }
      const lie = forged.get(key)
      if (lie === undefined) return [delivery]
      tools.changed(`${what} ${key.slice(0, 8)}`)
      const told = { position: delivery.position, envelope: lie.envelope }
      switch (lie.place) {
        case 'instead': return [told]
        case 'before': return [told, delivery]
        case 'after': return [delivery, told]
        default: return lie.place satisfies never
      }
    },
  }
}

/** Moves envelopes: to another conversation or sender, or under another epoch, number, order key or kind. */
export function moveEnvelope(tools: LieTools): ActiveLie {
  const { random } = tools
  const senders = new Map<string, Uint8Array>()
  const move = (envelope: Uint8Array): Uint8Array | undefined => {
    const sender = `${accountIn(envelope)} ${senderIn(envelope)}`
    if (senders.size < SENDERS_MAX && !senders.has(sender)) senders.set(sender, envelope.slice(0, ENVELOPE_OFFSETS.end))
    const others = [...senders].filter(([name]) => name !== sender).map(([, header]) => header)
    const other = others.length > 0 ? random.pick(others) : undefined
    const moved = envelope.slice()
    const view = new DataView(moved.buffer)
    const field = random.pick(['conversation', 'sender', 'account', 'epoch', 'number', 'order', 'kind'] as const)
    switch (field) {
      case 'conversation': {
        const elsewhere = other !== undefined && conversationIn(other) !== conversationIn(envelope)
        const bytes = elsewhere ? bytesOfHex(conversationIn(other)) : random.bytes(16)
        moved.set(bytes, ENVELOPE_OFFSETS.conversation)
        return moved
      }
      case 'sender':
        if (other === undefined) return undefined
        moved.set(other.subarray(ENVELOPE_OFFSETS.conversation, ENVELOPE_OFFSETS.epoch), ENVELOPE_OFFSETS.conversation)
        return moved
      case 'account':
        moved.set(other === undefined ? random.bytes(16) : bytesOfHex(accountIn(other)), ENVELOPE_OFFSETS.account)
        return accountIn(moved) === accountIn(envelope) ? undefined : moved
      case 'epoch':
        if (view.getUint32(ENVELOPE_OFFSETS.epoch) === 0) return undefined
        view.setUint32(ENVELOPE_OFFSETS.epoch, view.getUint32(ENVELOPE_OFFSETS.epoch) + 1)
        return moved
      case 'number': {
        const number = view.getBigUint64(ENVELOPE_OFFSETS.number)
        view.setBigUint64(ENVELOPE_OFFSETS.number, number > 1n && random.chance(0.5) ? number - 1n : number + 1n)
        return moved
      }
      case 'order': {
        const order = view.getBigUint64(ENVELOPE_OFFSETS.order)
        view.setBigUint64(ENVELOPE_OFFSETS.order, random.chance(0.5) ? order + 1n : order - (1n << 28n))
        return moved
      }
      case 'kind': {
        const isMessage = moved[ENVELOPE_OFFSETS.kind] === ENVELOPE_KIND.message
        moved[ENVELOPE_OFFSETS.kind] = isMessage ? ENVELOPE_KIND.control : ENVELOPE_KIND.message
        view.setUint32(ENVELOPE_OFFSETS.epoch, isMessage ? 0 : 1)
        return moved
      }
      default:
        return field satisfies never
    }
  }
  return forging(tools, 'moved', move)
}

/** Changes single bits of ciphertexts, or the type of a body. */
export function flipBits(tools: LieTools): ActiveLie {
  const { random } = tools
  return forging(tools, 'bit of', (envelope) => {
    if (envelope.length <= CIPHERTEXT) return undefined
    const flipped = envelope.slice()
    const typeAt = ENVELOPE_OFFSETS.end + 16
    if (random.chance(0.15)) {
      flipped[typeAt] = flipped[typeAt] === BODY_TYPE.prekey ? BODY_TYPE.message : BODY_TYPE.prekey
      return flipped
    }
    const at = random.between(CIPHERTEXT, envelope.length - 1)
    flipped[at] = (flipped[at] ?? 0) ^ (1 << random.between(0, 7))
    return flipped
  })
}

/** Cuts ciphertexts short, or the envelope in the middle of a field. */
export function truncate(tools: LieTools): ActiveLie {
  const { random } = tools
  return forging(tools, 'cut', (envelope) => {
    if (envelope.length <= CIPHERTEXT + 1) return undefined
    const cut = envelope.slice(0, random.between(CIPHERTEXT + 1, envelope.length - 1))
    // With the length of the body corrected it is an envelope like any other; without, it is none.
    if (random.chance(0.6)) new DataView(cut.buffer).setUint32(ENVELOPE_OFFSETS.end + 20, cut.length - CIPHERTEXT)
    return cut
  })
}

/** Gives two messages the bodies of each other. The first of a pair waits for the second. */
export function swapBodies(tools: LieTools): ActiveLie {
  const swapped = new Map<string, Uint8Array>()
  const seen = new Set<string>()
  let waiting: Delivery | undefined
  const withBody = (header: Uint8Array, body: Uint8Array): Uint8Array => {
    const { bytes: _bytes, bodies: _bodies, ...fields } = viewEnvelope(header)
    const { bytes, bodies } = viewEnvelope(body)
    return encodeEnvelope({
      ...fields, bodies: bodies.map(({ device, type, start, end }) => ({ device, type, bytes: bytes.slice(start + BODY_HEADER_BYTES, end) })),
    })
  }
  return {
    delivery(delivery, _victim, isNew) {
      const key = messageKeyHex(delivery.envelope)
      const known = swapped.get(key)
      if (known !== undefined) return [{ ...delivery, envelope: known }]
      if (seen.has(key)) return []
      if (!isNew || !hasBody(delivery.envelope) || !tools.random.chance(0.5)) return [delivery]
      const first = waiting
      if (first === undefined) {
        seen.add(key)
        waiting = keptDelivery(delivery)
        tools.changed(`holds ${key.slice(0, 8)}`)
        return []
      }
      waiting = undefined
      const pair = [
        { ...first, envelope: withBody(first.envelope, delivery.envelope) }, { ...delivery, envelope: withBody(delivery.envelope, first.envelope) },
      ] as const
      swapped.set(messageKeyHex(first.envelope), pair[0].envelope)
      swapped.set(key, pair[1].envelope)
      tools.changed(`swapped ${key.slice(0, 8)}`)
      return pair
    },
    end: () => (waiting === undefined ? [] : [waiting]),
  }
}
