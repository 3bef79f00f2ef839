import {
  ALL_DEVICES, decodeGroupPage, decodeMembershipEntry, encodeFailure, encodeGroupPage, FRAME_TYPE, GROUP_PAGE_ENTRIES_MAX, isEvegramError,
  membershipEntryHash, membershipHeadOf, sealMembershipEntry, viewEnvelope,
  type ConversationId, type Frame, type GroupPage, type MembershipActor, type MembershipDraft,
} from '@evegram/protocol'
import { signWithSigning, type DeviceKeys } from '@evegram/sdk/parts'
import type { ShownLog } from './auth-lie.js'
import { frameOf, messageKeyHex, type ActiveLie, type LieTools, type Victim } from './lie.js'

/** Sends of one message that are refused, so that the log of the group is asked for. */
const STALE_TIMES_MAX = 2

/** Changes the pages of membership logs; `undefined` leaves one as it is. `asking`: messages to groups are refused, so that there are pages. */
function showing(tools: LieTools, what: string, asking: boolean, change: (page: GroupPage) => GroupPage | undefined): ActiveLie {
  const times = new Map<string, number>()
  return {
    fromServer(frame) {
      if (frame.type !== FRAME_TYPE.group) return [frame]
      const changed = change(decodeGroupPage(frame.body))
      if (changed === undefined) return [frame]
      tools.changed(`${what} of ${changed.conversation.slice(0, 8)}`)
      return [{ ...frame, body: encodeGroupPage(changed) }]
    },
    fromClient(frame, victim) {
      return asking && isForAll(frame) ? refused(tools, frame, victim, times) : [frame]
    },
  }
}

/** Answers a send that the membership is another one, a few times for each message. */
function refused(tools: LieTools, frame: Frame, victim: Victim, times: Map<string, number>): readonly Frame[] {
  const key = messageKeyHex(frame.body)
  const count = times.get(key) ?? 0
  if (count >= STALE_TIMES_MAX || !tools.random.chance(0.7)) return [frame]
  times.set(key, count + 1)
  tools.inject(victim, frameOf(FRAME_TYPE.failure, encodeFailure({ code: 'stale.membership', message: 'a lie' }), frame.correlation))
  return []
}

function isForAll(frame: Frame): boolean {
  if (frame.type !== FRAME_TYPE.send) return false
  try {
    return viewEnvelope(frame.body).bodies.some(({ device }) => device === ALL_DEVICES)
  } catch (error) {
    if (isEvegramError(error)) return false
    throw error
  }
}

/** An entry that adds an account of the liar: signed by the liar in the name of a member, with a copied signature, or in its own name. */
export function forgedMember(tools: LieTools): ActiveLie {
  const variant = tools.random.pick(['in the name of a member', 'in the name of a member', 'copied signature', 'own name'] as const)
  const last = new Map<ConversationId, Uint8Array>()
  let own: { readonly log: ShownLog; readonly keys: DeviceKeys } | undefined
  // Made while nobody asks yet; a lie that is not ready is not told.
  Promise.all([tools.keys.account(), tools.keys.devices()]).then(([log, [keys]]) => { own = { log, keys } }, () => undefined)
  const forged = (page: GroupPage): GroupPage | undefined => {
    const newest = page.entries.at(-1) ?? last.get(page.conversation)
    if (newest === undefined || own === undefined || page.entries.length >= GROUP_PAGE_ENTRIES_MAX) return undefined
    last.set(page.conversation, newest)
    const { seq, actor, signature } = decodeMembershipEntry(newest)
    if (seq !== page.version) return undefined
    const { account, seq: logSeq, head } = own.log
    const liar: MembershipActor = { account, device: own.keys.device, log: { seq: logSeq, head } }
    const draft: MembershipDraft = {
      v: 1, kind: 'add', body: { members: [account] }, conversation: page.conversation, seq: seq + 1, prev: membershipHeadOf(newest),
      actor: variant === 'own name' ? liar : actor, atMs: tools.nowMs(),
    }
    const { bytes } = sealMembershipEntry(draft, variant === 'copied signature' ? signature : signWithSigning(own.keys, membershipEntryHash(draft)))
    return { ...page, version: seq + 1, entries: [...page.entries, bytes] }
  }
  return {
    ...showing(tools, `forged member (${variant})`, true, forged),
    // The account that is added is a true one, and is shown.
    log: (_device, account) => Promise.resolve(own?.log.account === account ? own.log : undefined),
  }
}

/** The log ends before somebody was removed or left. */
export function hiddenRemoval(tools: LieTools): ActiveLie {
  return showing(tools, 'hidden removal', false, (page) => {
    const cut = page.entries.findIndex((bytes) => ['remove', 'leave'].includes(decodeMembershipEntry(bytes).kind))
    return cut < 0 ? undefined : { ...page, version: page.version - page.entries.length + cut, entries: page.entries.slice(0, cut) }
  })
}

/** The log ends before what was shown of it already. */
export function rolledBackGroup(tools: LieTools): ActiveLie {
  return showing(tools, 'rolled back', true, (page) => {
    const version = page.version - page.entries.length - 1
    return version < 0 ? undefined : { ...page, version, entries: [] }
  })
}
