import type { Delivery } from '@evegram/protocol'
import { conversationIn, hasBody, isNumbered, messageKeyHex, senderIn, type ActiveLie, type LieTools } from './lie.js'

const NONE: readonly Delivery[] = []

/** Withholds what `isHidden` names, asked once for each message; only what the victim has not got before can be withheld. */
function withholding(tools: LieTools, isHidden: (envelope: Uint8Array) => boolean): ActiveLie {
  const hidden = new Set<string>()
  return {
    delivery(delivery, _victim, isNew) {
      const key = messageKeyHex(delivery.envelope)
      if (isNew && hasBody(delivery.envelope) && isHidden(delivery.envelope)) hidden.add(key)
      if (!hidden.has(key)) return [delivery]
      tools.changed(`withheld ${key.slice(0, 8)} ${Number.parseInt(key.slice(72), 16)}`)
      return NONE
    },
  }
}

/** Withholds one message: the first, second or third that is new. */
export function withholdOne(tools: LieTools): ActiveLie {
  let before = tools.random.between(0, 2)
  return withholding(tools, (envelope) => isNumbered(envelope) && before-- === 0)
}

/** Withholds the rest of one chain, from its first new message on; control traffic of the device passes. */
export function withholdTail(tools: LieTools): ActiveLie {
  let chain: string | undefined
  return withholding(tools, (envelope) => {
    if (!isNumbered(envelope)) return false
    const own = messageKeyHex(envelope).slice(0, 72)
    chain ??= own
    return own === chain
  })
}

/** Withholds all that is new in one conversation. */
export function withholdConversation(tools: LieTools): ActiveLie {
  let target: string | undefined
  return withholding(tools, (envelope) => conversationIn(envelope) === (target ??= conversationIn(envelope)))
}

/** Withholds all that is new of one sending device. */
export function withholdSender(tools: LieTools): ActiveLie {
  let target: string | undefined
  return withholding(tools, (envelope) => senderIn(envelope) === (target ??= senderIn(envelope)))
}

/** Withholds all that is new. */
export function withholdEverything(tools: LieTools): ActiveLie {
  return withholding(tools, () => true)
}

/** Shows each message to one of two devices alone. */
export function fork(tools: LieTools): ActiveLie {
  const hiddenFrom = new Map<string, string>()
  return {
    delivery(delivery, victim, isNew) {
      const { envelope } = delivery
      if (!isNumbered(envelope) || !hasBody(envelope)) return [delivery]
      const key = messageKeyHex(envelope)
      if (isNew && !hiddenFrom.has(key)) hiddenFrom.set(key, tools.random.pick(tools.victims))
      if (hiddenFrom.get(key) !== victim.name) return [delivery]
      tools.changed(`${key.slice(0, 8)} is for another device`)
      return NONE
    },
  }
}
