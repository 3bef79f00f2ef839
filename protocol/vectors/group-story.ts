import { equalBytes } from '../src/bytes.js'
import { accountIdOf, type AccountId } from '../src/ids.js'
import { applyMembershipEntry, type ApplyMembershipResult, type MembershipContext } from '../src/membership-log.js'
import { draftChannel, draftGroup, draftMembershipEntry, sealMembershipEntry, type SealedMembershipEntry } from '../src/membership-log-draft.js'
import {
  membershipEntryHash, type MembershipActor, type MembershipBodies, type MembershipChange, type MembershipDraft, type MembershipKind,
} from '../src/membership-log-entry.js'
import { emptyGroupState, type GroupKind, type GroupState } from '../src/membership-log-state.js'
import { deviceActor, primitives, seed, solanaWallet, START_MS, type DeviceActor } from './actors.js'

/** An account with one device, at a state of its log that the tests take as verified. */
export interface GroupActor extends MembershipActor {
  readonly name: string
  readonly actor: DeviceActor
}

/** The same in every run; `seq` is the state of the account log that it names. */
export function groupActor(name: string, seq = 1, device = 'phone'): GroupActor {
  const actor = deviceActor(`${name} ${device}`)
  return {
    name, actor, account: accountIdOf(solanaWallet(name).walletId), device: actor.device,
    log: { seq, head: seed(`account log of ${name} at ${String(seq)}`) },
  }
}

/** A membership log being written, entry by entry, a minute apart. Account logs are `groupActor`s: what they name is true, other heads are not. */
export class GroupStory {
  state: GroupState
  readonly entries: Uint8Array[] = []
  nowMs = START_MS
  readonly salt: Uint8Array
  readonly #actors: readonly GroupActor[]
  readonly #kind: GroupKind

  constructor(actors: readonly GroupActor[], kind: GroupKind = 'group', salt: Uint8Array = seed('group salt').slice(0, 16)) {
    this.#actors = actors
    this.#kind = kind
    this.salt = salt
    const [founder] = actors
    if (founder === undefined) throw new Error('a group has a founder')
    this.state = emptyGroupState(this.found(founder, []).conversation)
  }

  get context(): MembershipContext {
    return {
      primitives, nowMs: this.nowMs, mode: 'server',
      signingKeyOf: ({ account, device, log }) => {
        const known = this.#actors.find((actor) => actor.account === account && actor.device === device && actor.log.seq === log.seq)
        return known !== undefined && equalBytes(known.log.head, log.head) ? known.actor.addition.signingKey : undefined
      },
    }
  }

  found(by: GroupActor, members: readonly AccountId[]): MembershipDraft {
    const draft = this.#kind === 'group' ? draftGroup : draftChannel
    return draft(this.salt, members, actorOf(by), this.nowMs)
  }

  draft<Kind extends MembershipKind>(by: GroupActor, kind: Kind, body: MembershipBodies[Kind]): MembershipDraft {
    // The compiler does not see that `kind` and `body` of one type parameter are one member of the union.
    return draftMembershipEntry(this.state, { kind, body } as MembershipChange, actorOf(by), this.nowMs)
  }

  seal(draft: MembershipDraft, by: GroupActor): SealedMembershipEntry {
    return sealMembershipEntry(draft, by.actor.sign(membershipEntryHash(draft)))
  }

  /** Signs and applies; keeps the entry when it was applied. */
  offer(draft: MembershipDraft, by: GroupActor, context: Partial<MembershipContext> = {}): ApplyMembershipResult {
    const { bytes } = this.seal(draft, by)
    const result = applyMembershipEntry(this.state, bytes, { ...this.context, ...context })
    if (result.status === 'applied') {
      this.state = result.state
      this.entries.push(bytes)
      this.nowMs += 60_000
    }
    return result
  }

  /** As {@link offer}, for entries that must be applied. */
  act<Kind extends MembershipKind>(by: GroupActor, kind: Kind, body: MembershipBodies[Kind]): void {
    this.must(this.draft(by, kind, body), by)
  }

  must(draft: MembershipDraft, by: GroupActor): void {
    const result = this.offer(draft, by)
    if (result.status === 'refused') throw new Error(`${draft.kind}: ${result.code}: ${result.reason}`)
  }
}

/** The fields that an entry holds, without what the tests keep beside them. */
export function actorOf({ account, device, log }: GroupActor): MembershipActor {
  return { account, device, log }
}
