import { conversationName, type ClientPlan } from './plan.js'

/** What one device shows of the conversation that it takes part in. */
export interface DeviceView {
  readonly plan: ClientPlan
  /** Texts `<client name>:<number>` by conversation name, from top to bottom. */
  readonly conversations: ReadonlyMap<string, readonly string[]>
}

/** Result of one class of devices: how they stand to the sender. */
export interface ClassResult {
  readonly deviceClass: string
  acked: number
  shown: number
  duplicate: number
  missing: number
  reordered: number
}

/** Classes of devices, as seen from the sender of a message. */
export const DEVICE_CLASSES = ['sender itself', 'other device of the sender', 'first device of the peer', 'added device of the peer'] as const

function classOf(sender: ClientPlan, viewer: ClientPlan): (typeof DEVICE_CLASSES)[number] {
  if (sender.name === viewer.name) return 'sender itself'
  if (sender.account === viewer.account) return 'other device of the sender'
  return viewer.device === 0 ? 'first device of the peer' : 'added device of the peer'
}

/**
 * Compares what was acknowledged with what every device of both sides shows: `missing` (acknowledged, not shown), `duplicate` (shown more than
 * once), `reordered` (a sender's messages out of their order, or two devices that disagree on the order of two neighbours).
 */
export function audit(ackedTexts: ReadonlySet<string>, plans: readonly ClientPlan[], views: readonly DeviceView[]): ClassResult[] {
  const results = new Map(DEVICE_CLASSES.map((deviceClass) => [deviceClass, { deviceClass, acked: 0, shown: 0, duplicate: 0, missing: 0, reordered: 0 }]))
  const planOf = new Map(plans.map((plan) => [plan.name, plan]))
  const ackedBySender = new Map<string, number[]>()
  for (const text of ackedTexts) {
    const [name = '', number] = text.split(':')
    ackedBySender.set(name, [...(ackedBySender.get(name) ?? []), Number(number)])
  }
  const reference = new Map<string, ReadonlyMap<string, number>>()

  for (const view of views) {
    for (const [conversation, texts] of view.conversations) {
      const places = new Map<string, number>()
      const lastOfSender = new Map<string, number>()
      const agreed = reference.get(conversation)
      let lastAgreed = -1
      for (const [place, text] of texts.entries()) {
        const [name = '', number] = text.split(':')
        const sender = planOf.get(name)
        if (sender === undefined) continue
        const result = results.get(classOf(sender, view.plan))
        if (result === undefined) continue
        if (places.has(text)) {
          result.duplicate++
          continue
        }
        places.set(text, place)
        result.shown++
        const agreedPlace = agreed?.get(text)
        const outOfSenderOrder = Number(number) < (lastOfSender.get(name) ?? 0)
        const outOfAgreedOrder = agreedPlace !== undefined && agreedPlace < lastAgreed
        if (outOfSenderOrder || outOfAgreedOrder) result.reordered++
        lastOfSender.set(name, Math.max(Number(number), lastOfSender.get(name) ?? 0))
        if (agreedPlace !== undefined) lastAgreed = Math.max(lastAgreed, agreedPlace)
      }
      if (agreed === undefined) reference.set(conversation, places)
      for (const sender of plans) {
        if (conversationName(sender.account, sender.peer) !== conversation) continue
        const result = results.get(classOf(sender, view.plan))
        if (result === undefined) continue
        for (const number of ackedBySender.get(sender.name) ?? []) {
          result.acked++
          if (!places.has(`${sender.name}:${String(number)}`)) result.missing++
        }
      }
    }
  }
  return [...results.values()].filter(({ acked, shown }) => acked + shown > 0)
}
