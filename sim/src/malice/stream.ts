import { decodeDelivery, encodeSynced, FRAME_TYPE, type Delivery, type Position } from '@evegram/protocol'
import type { SimRandom } from '../kernel/random.js'
import { deliverFrame, frameOf, hasBody, isOfSession, keptDelivery, messageKeyHex, type ActiveLie, type LieTools } from './lie.js'

const YEAR_MS = 365 * 86_400_000
const MINUTE_MS = 60_000
/** Deliveries that a replay keeps; the oldest are the most interesting, so later ones are not kept. */
const KEPT_MAX = 64
/** Frames that a reordering holds back at most. */
const HELD_MAX = 6

/** Delivers what was delivered before, now and much later, at its own or another position, on later connections too. */
export function replay(tools: LieTools): ActiveLie {
  const kept: Delivery[] = []
  const { random } = tools
  return {
    delivery(delivery) {
      if (kept.length < KEPT_MAX && hasBody(delivery.envelope) && random.chance(0.5)) kept.push(keptDelivery(delivery))
      return [delivery]
    },
    fromServer(frame) {
      if (kept.length === 0 || !isOfSession(frame) || !random.chance(0.3)) return [frame]
      const old = random.pick(kept)
      tools.changed(`replayed ${messageKeyHex(old.envelope).slice(0, 8)}`)
      const again = deliverFrame({ ...old, position: random.chance(0.5) ? old.position : otherPosition(old.position, random) })
      return random.chance(0.5) ? [again, frame] : [frame, again]
    },
  }
}

function otherPosition(position: Position, random: SimRandom): Position {
  return { ...position, timeMs: position.timeMs + random.between(0, MINUTE_MS), counter: random.between(0, 9) }
}

/** Delivers everything two or three times, at the same position or at neighbouring ones. */
export function duplicate(tools: LieTools): ActiveLie {
  const samePosition = tools.random.chance(0.5)
  return {
    delivery(delivery) {
      if (!tools.random.chance(0.6)) return [delivery]
      tools.changed('duplicated')
      const copies = [delivery]
      for (let copy = tools.random.between(1, 2); copy > 0; copy--) {
        const { position } = delivery
        copies.push(samePosition ? { ...delivery } : { ...delivery, position: { ...position, counter: (position.counter + copy) >>> 0 } })
      }
      return copies
    },
  }
}

/** Holds deliveries back and lets them go later in another order; turns pages around. */
export function reorder(tools: LieTools): ActiveLie {
  const { random } = tools
  let held: Delivery[] = []
  const shuffled = (deliveries: readonly Delivery[]): Delivery[] => {
    const left = [...deliveries]
    const order: Delivery[] = []
    while (left.length > 0) order.push(...left.splice(random.between(0, left.length - 1), 1))
    return order
  }
  return {
    page(deliveries) {
      if (deliveries.length < 2) return deliveries
      tools.changed('turned a page around')
      return shuffled(deliveries)
    },
    fromServer(frame) {
      if (frame.type === FRAME_TYPE.deliver && held.length < HELD_MAX && random.chance(0.6)) {
        // Read again rather than taken in `delivery`: pages must not lose what is held.
        held.push(keptDelivery(decodeDelivery(frame.body)))
        tools.changed('held back')
        return []
      }
      if (held.length === 0 || !isOfSession(frame) || (frame.type !== FRAME_TYPE.deliver && random.chance(0.5))) return [frame]
      const late = shuffled(held).map(deliverFrame)
      held = []
      return [frame, ...late]
    },
    end() {
      const late = held
      held = []
      return late
    },
  }
}

/** Delivers to the second device what is for the first. */
export function wrongDevice(tools: LieTools): ActiveLie {
  const [owner, other] = tools.victims
  return {
    delivery(delivery, victim) {
      if (victim.name === owner && other !== undefined && hasBody(delivery.envelope) && tools.random.chance(0.5)) {
        tools.enqueue(other, deliverFrame(keptDelivery(delivery)))
        tools.changed(`for ${other}`)
      }
      return [delivery]
    },
  }
}

/** Gives deliveries positions of next year, of 1970, or all the same one. */
export function forgePositions(tools: LieTools): ActiveLie {
  const { random } = tools
  const same: Position = { timeMs: tools.nowMs(), incarnation: 1, counter: 1 }
  const forged = random.pick<(position: Position) => Position>([
    (position) => ({ ...position, timeMs: position.timeMs + YEAR_MS }),
    (position) => ({ ...position, timeMs: position.timeMs + 50_000 }),
    () => ({ timeMs: 0, incarnation: 0, counter: 0 }),
    () => same,
  ])
  return {
    delivery(delivery) {
      tools.changed('another position')
      return [{ ...delivery, position: forged(delivery.position) }]
    },
  }
}

/** Claims cursors that are not true: of next year, or as far ahead as a client believes. */
export function forgeCursor(tools: LieTools): ActiveLie {
  const aheadMs = tools.random.pick([YEAR_MS, 59_000, 30_000, 0])
  return {
    fromServer(frame) {
      if (frame.type === FRAME_TYPE.synced) {
        tools.changed('another cursor')
        return [frameOf(FRAME_TYPE.synced, encodeSynced(tools.nowMs() + aheadMs))]
      }
      if (frame.type !== FRAME_TYPE.deliver && frame.type !== FRAME_TYPE.page || !tools.random.chance(0.2)) return [frame]
      tools.changed('a cursor of its own making')
      // In front of what it claims to cover.
      return [frameOf(FRAME_TYPE.synced, encodeSynced(tools.nowMs() + aheadMs)), frame]
    },
  }
}

/** Withholds messages for a while and then claims a cursor above them: no catch-up asks for them again. */
export function cursorOverGap(tools: LieTools): ActiveLie {
  const hidden = new Set<string>()
  let left = tools.random.between(1, 4)
  return {
    delivery(delivery, _victim, isNew) {
      const key = messageKeyHex(delivery.envelope)
      if (isNew && left > 0 && hasBody(delivery.envelope)) {
        left--
        hidden.add(key)
      }
      // Shown to whoever asks for history once the cursor is above it: only the chain tells that it is to be asked for.
      if (left === 0 && !isNew) return [delivery]
      return hidden.has(key) ? [] : [delivery]
    },
    fromServer(frame) {
      if (frame.type !== FRAME_TYPE.synced || hidden.size === 0) return [frame]
      tools.changed('a cursor above what was withheld')
      return [frameOf(FRAME_TYPE.synced, encodeSynced(tools.nowMs() + 59_000))]
    },
  }
}
