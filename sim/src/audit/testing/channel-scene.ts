import {
  channelHeadOf, emptyChannelState, encodeChannelPost, parseConversationId, type AccountId, type ChannelPost, type ChannelState, type DeviceId,
} from '@evegram/protocol'
import type { ChannelPostShown } from '@evegram/sdk'
import { SimProcess } from '../../kernel/process.js'
import { Run, type PromiseName } from '../../kernel/run.js'
import { ChannelChains } from '../channel-chains.js'
import type { ChannelCommit } from '../channel-commit.js'
import { ChannelFollowers } from '../channel-followers.js'
import { Channels } from '../channels.js'
import { Ledger, type DeviceRecord } from '../ledger.js'
import { ALICE, A1, B1, BOB, C1, CAROL, headOf, NAMES, stateOf } from './scene.js'

/** The channel of every scene. */
export const CHANNEL = parseConversationId('cc'.repeat(16))

const NOTHING: ChannelCommit = { rows: [], left: [], logs: [], shown: [], gaps: [], waiting: [] }
const ACCOUNTS: ReadonlyMap<DeviceId, AccountId> = new Map([[A1, ALICE], [B1, BOB], [C1, CAROL]])

/** Observations by hand: alice founded a channel with bob as an author, carol follows; each step is what correct parts would show. */
export class ChannelScene {
  readonly run = new Run({ seed: 'channels', keepTrace: false })
  readonly ledger = new Ledger(this.run)
  readonly chains = new ChannelChains(this.run)
  readonly channels: Channels
  readonly followers: ChannelFollowers
  readonly node = this.process('n1')
  /** Encoded posts in order. */
  readonly posts: Uint8Array[] = []
  #written = 0

  constructor({ malicious = false } = {}) {
    const context = { run: this.run, ledger: this.ledger, malicious }
    this.channels = new Channels(context, this.chains)
    this.followers = new ChannelFollowers(context, this.chains)
    for (const [device, account] of ACCOUNTS) {
      this.ledger.addPerson(account, account)
      this.ledger.addDevice(NAMES.get(device) ?? '', account, device)
      this.ledger.addState(stateOf(account, 1, { [device]: true }))
    }
    this.members(1, [ALICE, BOB])
  }

  /** The promise that was broken first. */
  get broken(): PromiseName | undefined {
    return this.run.violation?.promise
  }

  process(machine: string): SimProcess {
    const faults = { wallAheadMs: 0, rate: 1 }
    return new SimProcess({ machine, start: 1, scheduler: this.run.scheduler, random: this.run.random(machine), startEpochMs: this.run.startEpochMs, faults })
  }

  async go(ms: number): Promise<void> {
    await this.run.scheduler.run(this.run.nowMs + ms, () => undefined)
  }

  /** A version of the membership log is stored. */
  members(version: number, members: readonly AccountId[]): void {
    const known = new Map(members.map((account) => [account, { role: 'member' as const, joinedSeq: 1 }]))
    this.ledger.groups.add({
      conversation: CHANNEL, kind: 'group', version, members, wide: false,
      group: { conversation: CHANNEL, kind: 'channel', seq: version, head: headOf(version), members: known, actorLogs: new Map() },
    }, this.run.trueTimeMs)
  }

  device(device: DeviceId): DeviceRecord {
    const record = this.ledger.device(device)
    if (record === undefined) throw new Error('no such device')
    return record
  }

  /** A post behind those that there are, on the disk of its author. */
  write(by: DeviceId = A1, change: Partial<ChannelPost> = {}, text = `text ${this.#written + 1}`, kind: 'text' | 'authors' = 'text'): Uint8Array {
    const last = this.posts.at(-1)
    this.#written++
    const body = new Uint8Array(40).fill(this.#written)
    const post: ChannelPost = {
      v: 1, channel: CHANNEL, seq: this.posts.length + 1, prev: last === undefined ? new Uint8Array(32) : channelHeadOf(last),
      author: { account: ACCOUNTS.get(by) ?? ALICE, device: by, log: { seq: 1, head: headOf(1) } }, members: { seq: 1, head: headOf(1) },
      atMs: Math.floor(this.run.trueTimeMs), body, signature: new Uint8Array(64), ...change,
    }
    const waiting = { place: this.#written, channel: CHANNEL, kind, text, body: post.body, signed: undefined }
    this.followers.committed(this.device(by), { ...NOTHING, waiting: [{ key: `w/${this.#written}`, post: waiting }] })
    return encodeChannelPost(post)
  }

  /** Written and stored. */
  post(by: DeviceId = A1, change: Partial<ChannelPost> = {}, text?: string, kind?: 'text' | 'authors'): Uint8Array {
    const bytes = this.write(by, change, text, kind)
    this.posts.push(bytes)
    this.channels.stored(bytes)
    return bytes
  }

  /** A commit of a device: what it shows, where it is, which gaps it names. */
  commit(device: DeviceId, part: Partial<ChannelCommit>): void {
    this.followers.committed(this.device(device), { ...NOTHING, ...part })
  }

  /** Post `seq` as a device shows it. */
  shown(seq: number, change: Partial<ChannelPostShown> = {}): ChannelPostShown {
    const stored = this.chains.get(CHANNEL, seq)
    return {
      channel: CHANNEL, seq, by: stored?.post.author.account ?? ALICE, from: 'somebody', atMs: 1, kind: 'text', text: stored?.written?.text ?? 'nothing', ...change,
    }
  }

  /** The state behind post `seq`, with `head` in place of its hash. */
  state(seq: number, head?: Uint8Array): ChannelState {
    const bytes = this.posts[seq - 1]
    const known = bytes === undefined ? new Uint8Array(32) : channelHeadOf(bytes)
    return { ...emptyChannelState(CHANNEL), seq, head: head ?? known, members: { seq: Math.min(seq, 1), head: headOf(1) } }
  }

  /** A device follows up to post `seq`, and shows `posts`. `verified`: the place up to which it verified posts, where it only believes `seq`. */
  follow(device: DeviceId, seq: number, posts: readonly number[], { head, verified }: { readonly head?: Uint8Array; readonly verified?: number } = {}): void {
    const place = verified === undefined ? {} : { verified: this.state(verified) }
    this.commit(device, {
      shown: posts.map((one) => this.shown(one)),
      rows: [{ channel: CHANNEL, domain: 'chat.example', key: new Uint8Array(32), name: 'news', state: this.state(seq, head), confirmedAtMs: 0, ...place }],
    })
  }
}
