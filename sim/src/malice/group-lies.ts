import {
  ALL_DEVICES, decodeGroupPage, decodeMembershipEntry, encodeFailure, encodeGroupPage, FRAME_TYPE, GROUP_PAGE_ENTRIES_MAX, isEvegramError,
  membershipEntryHash, membershipHeadOf, sealMembershipEntry, viewEnvelope,
  type ConversationId, type Frame, type GroupPage, type MembershipActor, type MembershipDraft, type SealedMembershipEntry,
} from '@evegram/protocol'
import { signWithSigning, type DeviceKeys } from '@evegram/sdk/parts'
import type { ShownLog } from './shown-log.js'
import { frameOf, messageKeyHex, type ActiveLie, type LieTools, type Victim } from './lie.js'

/** Sends of one message that are refused, so that the log of the group is asked for. */
const STALE_TIMES_MAX = 2

/**
 * Changes the pages of membership logs; `undefined` leaves one as it is. `asking`: frames of the victim that are refused a few times, so that there are
 * pages; it gives what is the same for the same message, or undefined.
 */
export function showingLogs(
  tools: LieTools, what: string, asking: ((frame: Frame) => string | undefined) | undefined, change: (page: GroupPage) => GroupPage | undefined,
): Required<Pick<ActiveLie, 'fromServer' | 'fromClient'>> {
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
      const key = asking?.(frame)
      return key === undefined ? [frame] : refused(tools, frame, victim, key, times)
    },
  }
}

/** Answers a send that the membership is another one, a few times for each message. */
function refused(tools: LieTools, frame: Frame, victim: Victim, key: string, times: Map<string, number>): readonly Frame[] {
  const count = times.get(key) ?? 0
  if (count >= STALE_TIMES_MAX || !tools.random.chance(0.7)) return [frame]
  times.set(key, count + 1)
  tools.inject(victim, frameOf(FRAME_TYPE.failure, encodeFailure({ code: 'stale.membership', message: 'a lie' }), frame.correlation))
  return []
}

/** The message that a frame says to all devices of a group. */
function saidToAll(frame: Frame): string | undefined {
  if (frame.type !== FRAME_TYPE.send) return undefined
  try {
    return viewEnvelope(frame.body).bodies.some(({ device }) => device === ALL_DEVICES) ? messageKeyHex(frame.body) : undefined
  } catch (error) {
    if (isEvegramError(error)) return undefined
    throw error
  }
}

/** Entries of the liar behind the true ones. */
export interface MemberForgery {
  readonly variant: string
  /** What the liar signs as; undefined while its account is being made. */
  readonly own: () => { readonly log: ShownLog; readonly keys: DeviceKeys } | undefined
  /** The page with one more entry; undefined where there is none to put. */
  readonly page: (page: GroupPage) => GroupPage | undefined
  /** The state that the forged log of a conversation has behind its newest true entry, where that was seen. */
  readonly headOf: (conversation: ConversationId) => { readonly seq: number; readonly head: Uint8Array } | undefined
  /** The account that is added is a true one, and is shown. */
  readonly log: NonNullable<ActiveLie['log']>
}

/** Makes entries that add an account of the liar: signed by the liar in the name of a member, with a copied signature, or in its own name. */
export function forgeMembers(tools: LieTools): MemberForgery {
  const variant = tools.random.pick(['in the name of a member', 'in the name of a member', 'copied signature', 'own name'] as const)
  const last = new Map<ConversationId, Uint8Array>()
  let own: { readonly log: ShownLog; readonly keys: DeviceKeys } | undefined
  // Made while nobody asks yet; a lie that is not ready is not told.
  Promise.all([tools.keys.account(), tools.keys.devices()]).then(([log, [keys]]) => { own = { log, keys } }, () => undefined)
  const forged = (conversation: ConversationId, newest: Uint8Array): SealedMembershipEntry | undefined => {
    if (own === undefined) return undefined
    const { seq, actor, signature } = decodeMembershipEntry(newest)
    const { account, seq: logSeq, head } = own.log
    const liar: MembershipActor = { account, device: own.keys.device, log: { seq: logSeq, head } }
    const draft: MembershipDraft = {
      v: 1, kind: 'add', body: { members: [account] }, conversation, seq: seq + 1, prev: membershipHeadOf(newest),
      actor: variant === 'own name' ? liar : actor, atMs: tools.nowMs(),
    }
    return sealMembershipEntry(draft, variant === 'copied signature' ? signature : signWithSigning(own.keys, membershipEntryHash(draft)))
  }
  return {
    variant, own: () => own,
    page(page) {
      const newest = page.entries.at(-1) ?? last.get(page.conversation)
      if (newest === undefined || page.entries.length >= GROUP_PAGE_ENTRIES_MAX) return undefined
      last.set(page.conversation, newest)
      if (decodeMembershipEntry(newest).seq !== page.version) return undefined
      const sealed = forged(page.conversation, newest)
      return sealed === undefined ? undefined : { ...page, version: sealed.entry.seq, entries: [...page.entries, sealed.bytes] }
    },
    headOf(conversation) {
      const newest = last.get(conversation)
      const sealed = newest === undefined ? undefined : forged(conversation, newest)
      return sealed === undefined ? undefined : { seq: sealed.entry.seq, head: sealed.head }
    },
    log: (_device, account) => Promise.resolve(own?.log.account === account ? own.log : undefined),
  }
}

/** An entry that adds an account of the liar. */
export function forgedMember(tools: LieTools): ActiveLie {
  const { variant, page, log } = forgeMembers(tools)
  return { ...showingLogs(tools, `forged member (${variant})`, saidToAll, page), log }
}

/** The log ends before somebody was removed or left. */
export function hiddenRemoval(tools: LieTools): ActiveLie {
  return showingLogs(tools, 'hidden removal', undefined, withoutRemoval)
}

/** The page up to the first removal in it; undefined when there is none. */
export function withoutRemoval(page: GroupPage): GroupPage | undefined {
  const cut = page.entries.findIndex((bytes) => ['remove', 'leave'].includes(decodeMembershipEntry(bytes).kind))
  return cut < 0 ? undefined : { ...page, version: page.version - page.entries.length + cut, entries: page.entries.slice(0, cut) }
}

/** The log ends before what was shown of it already. */
export function rolledBackGroup(tools: LieTools): ActiveLie {
  return showingLogs(tools, 'rolled back', saidToAll, belowShown)
}

/** The page of a log that is one entry shorter than what the request names as known; undefined when nothing is. */
export function belowShown(page: GroupPage): GroupPage | undefined {
  const version = page.version - page.entries.length - 1
  return version < 0 ? undefined : { ...page, version, entries: [] }
}
