import { channelHeadOf, decodeChannelPost, hexOf, type ChannelPost, type ConversationId } from '@evegram/protocol'
import type { ChannelPostShown, ClientEvents } from '@evegram/sdk'
import type { ChannelRow } from '@evegram/sdk/parts'
import type { ChannelChains } from './channel-chains.js'
import type { ChannelCommit } from './channel-commit.js'
import { short, type AuditContext, type DeviceRecord, type FollowedChannel } from './ledger.js'

/** Times that a device is shown on one connection that posts are withheld, and says nothing: its disk may be full once. */
const SILENCES_MAX = 3

/**
 * What devices show of channels: the posts of the one chain, each once, in order, as their authors wrote them, without a hole that has no name (P2, P3,
 * P4, P7), and in the end all of them. Who is lied to shows nothing else, and says so where posts are withheld; only what an author truly posted and the
 * server showed to some alone is another chain, and that is told once the true one comes.
 */
export class ChannelFollowers {
  readonly #context: AuditContext
  readonly #chains: ChannelChains
  /** Posts that a device was shown and nobody else, by name of the device, channel and head. */
  readonly #forks = new Map<string, ChannelPost>()
  readonly #forked = new Set<string>()

  constructor(context: AuditContext, chains: ChannelChains) {
    this.#context = context
    this.#chains = chains
  }

  /** See {@link Observer.forked}. */
  forked(name: string, bytes: Uint8Array): void {
    const post = decodeChannelPost(bytes)
    this.#forks.set(forkKey(name, post.channel, hexOf(channelHeadOf(bytes))), post)
    this.#forked.add(`${name}/${post.channel}`)
  }

  /** See {@link Observer.withheld}. */
  withheld(device: DeviceRecord, channel: ConversationId, seq: number, connection: number): void {
    const record = device.channels.get(channel)
    if (record === undefined || seq <= (record.seq ?? 0)) return
    record.owed = { connection, seq: record.seq ?? 0 }
  }

  /** See {@link Observer.asked}. */
  asked(device: DeviceRecord, channel: ConversationId, connection: number): void {
    const record = device.channels.get(channel)
    const owed = record?.owed
    if (record === undefined || owed === undefined) return
    record.owed = undefined
    if (record.isNamed || owed.connection !== connection || owed.seq !== (record.seq ?? 0)) return
    if (++record.silences < SILENCES_MAX) return
    this.#context.run.broken('P4', `${device.name} is shown nothing behind post ${owed.seq} of channel ${short(channel)} again and again, and says nothing`)
  }

  /** `Channel.post` resolved. */
  posted(name: string, channel: ConversationId, text: string, seq: number): void {
    const { run, ledger } = this.#context
    run.coverage.count('audit/posted')
    const stored = this.#chains.get(channel, seq)
    const account = ledger.named(name)?.account
    if (stored?.written?.text === text && account === stored.post.author.account) return
    // A lying server may acknowledge what it shows to its author alone.
    for (const fork of this.#forksOf(name, channel)) if (fork.seq === seq && this.#chains.writtenOf(fork.body)?.text === text) return
    run.broken('P1', `${name} was told that a text is post ${seq} of channel ${short(channel)}, and it is not`)
  }

  /** Rows became durable. */
  committed(device: DeviceRecord, { rows, left, shown, gaps, waiting }: ChannelCommit): void {
    for (const { key, post } of waiting) {
      if (post === undefined) device.waitingPosts.delete(key)
      else {
        device.waitingPosts.add(key)
        this.#chains.write(post.body, { device: device.device, kind: post.kind, text: post.text })
      }
    }
    for (const channel of left) {
      device.channels.delete(channel)
      device.groups.delete(channel)
    }
    for (const post of shown) this.#shown(device, post)
    for (const gap of gaps) recordOf(device, gap.channel).gaps.push(gap)
    for (const row of rows) this.#advanced(device, row)
  }

  told<Name extends keyof ClientEvents>(device: DeviceRecord, event: Name, value: ClientEvents[Name]): void {
    // `event` names the type of `value` in each case.
    switch (event) {
      case 'channel-post': return this.#told(device, value as ClientEvents['channel-post'])
      case 'channel-gap': return this.#gap(device, value as ClientEvents['channel-gap'])
      case 'channel-alarm': return this.#alarm(device, value as ClientEvents['channel-alarm'])
      case 'channel-post-failed': {
        this.#context.run.coverage.count(`branch/post given up ${(value as ClientEvents['channel-post-failed']).error.code}`)
        return
      }
      default:
    }
  }

  /** What is not posted, not shown or not named where it must be; undefined when nothing is. `excused`: devices of which nothing can be expected. */
  missing(excused: (name: string) => boolean): string | undefined {
    const { ledger, run } = this.#context
    for (const device of ledger.devices) {
      if (!ledger.isExpected(device) || excused(device.name)) continue
      const forks = [...device.channels.keys()].filter((channel) => this.#isOnFork(device, channel))
      for (const channel of forks) {
        const record = device.channels.get(channel)
        if (record?.isNamed === false && this.#chains.length(channel) >= (record.seq ?? 0)) return `${device.name} does not tell that channel ${short(channel)} is forked`
        if (record?.isNamed === true) run.coverage.count('audit/fork of a channel told')
      }
      // What it wants to say behind its own history never finds a place.
      if (device.waitingPosts.size > 0 && forks.length === 0) return `${device.name} waits to post ${device.waitingPosts.size} texts`
      for (const [channel, { seq }] of device.channels) {
        if (forks.includes(channel)) continue
        run.coverage.count('audit/channel followed to its end')
        const length = this.#chains.length(channel)
        if (seq !== length) return `${device.name} shows channel ${short(channel)} up to ${seq ?? 'nothing'} of ${length}`
      }
    }
    return undefined
  }

  #shown(device: DeviceRecord, { channel, seq, by, text }: ChannelPostShown): void {
    const { run } = this.#context
    run.coverage.count('audit/post shown')
    const record = recordOf(device, channel)
    const what = `${device.name} shows post ${seq} of channel ${short(channel)}`
    if (record.shown.has(seq)) run.broken('P2', `${what} twice`)
    record.shown.add(seq)
    const stored = this.#chains.get(channel, seq)
    if (stored?.post.author.account === by && stored.written?.kind === 'text' && stored.written.text === text) return
    if (this.#isForkPost(device.name, channel, seq, by, text)) run.coverage.count('audit/post of a fork shown')
    else if (stored === undefined) run.broken('P7', `${what}, which nobody stored`)
    else run.broken('P7', `${what}, and its author wrote something else`)
  }

  /** Everything up to the new place is shown, or has a name. */
  #advanced(device: DeviceRecord, { channel, state, verified }: ChannelRow): void {
    const { run, malicious } = this.#context
    const record = recordOf(device, channel)
    if (state === undefined) return
    const what = `${device.name} is at post ${state.seq} of channel ${short(channel)}`
    const head = hexOf(state.head)
    const { seq: before } = record
    const isKnown = state.seq === 0 || head === this.#chains.get(channel, state.seq)?.head || this.#forks.has(forkKey(device.name, channel, head))
    // Where a lying server says that a channel ends is nothing to hold on to, before a post there was verified.
    if (before !== undefined && state.seq < before && record.verified === undefined) run.broken('P3', `${what} after post ${before}`)
    if (!isKnown && !(malicious && verified !== undefined)) run.broken('P3', `${what} of another chain than the one that is stored`)
    const from = record.verified ?? before ?? 0
    for (let seq = from + 1; seq <= state.seq; seq++) {
      const stored = this.#chains.get(channel, seq)
      if (stored?.written?.kind !== 'text' || record.shown.has(seq) || this.#isForked(device.name, channel)) continue
      // What is older is gone: who is new never saw it, to others it is named.
      if (this.#chains.isOld(stored.post.atMs) || (malicious && this.#isExcused(channel, seq, from === 0, record.gaps))) continue
      run.broken('P4', `${what} and never showed post ${seq}`)
    }
    if (before !== state.seq || record.head !== head) {
      record.isNamed = false
      record.silences = 0
    }
    record.seq = state.seq
    record.head = head
    record.verified = verified?.seq
  }

  /** With a lying server what is missing has a name; who enters an old channel cannot know what was before the first post that it is shown. */
  #isExcused(channel: ConversationId, seq: number, isEntered: boolean, gaps: FollowedChannel['gaps']): boolean {
    const founded = this.#context.ledger.groups.version(channel, 1)
    if (isEntered && founded !== undefined && this.#chains.isOld(founded.atMs)) return true
    return gaps.some((gap) => gap.from <= seq && seq <= gap.to)
  }

  #told(device: DeviceRecord, { channel, seq }: ClientEvents['channel-post']): void {
    const record = device.channels.get(channel)
    // It was left in the meantime.
    if (record === undefined) return
    const { run } = this.#context
    if (!record.shown.has(seq)) run.broken('P2', `${device.name} told of post ${seq} of channel ${short(channel)} before it was durable`)
    if (record.told.has(seq)) run.broken('P2', `${device.name} told of post ${seq} of channel ${short(channel)} twice`)
    record.told.add(seq)
  }

  #gap(device: DeviceRecord, { channel, from, to, reason }: ClientEvents['channel-gap']): void {
    const { run, malicious } = this.#context
    run.coverage.count(`audit/channel gap ${reason}`)
    const record = device.channels.get(channel)
    if (record !== undefined) record.isNamed = true
    if (malicious) return
    const what = `${device.name} calls posts ${from} to ${to} of channel ${short(channel)} ${reason}`
    if (reason === 'withheld') run.broken('P4', `${what}, where the server hides nothing`)
    for (let seq = from; seq <= to && reason === 'expired'; seq++) {
      const stored = this.#chains.get(channel, seq)
      if (stored !== undefined && !this.#chains.isOld(stored.post.atMs)) return run.broken('P5', `${what}, within the retention`)
    }
  }

  #alarm(device: DeviceRecord, { channel, code, reason }: ClientEvents['channel-alarm']): void {
    const { run, malicious } = this.#context
    run.coverage.count(`audit/channel alarm ${code}`)
    run.note(device.name, `alarm ${code} for channel ${short(channel)}: ${reason}`)
    const record = device.channels.get(channel)
    if (record !== undefined) record.isNamed = true
    if (!malicious) run.broken('P4', `${device.name} raised ${code} for channel ${short(channel)} (${reason}), which is shown as it is`)
  }

  #forksOf(name: string, channel: ConversationId): readonly ChannelPost[] {
    if (!this.#isForked(name, channel)) return []
    const prefix = forkKey(name, channel, '')
    return [...this.#forks].filter(([key]) => key.startsWith(prefix)).map(([, post]) => post)
  }

  #isForked(name: string, channel: ConversationId): boolean {
    return this.#forked.has(`${name}/${channel}`)
  }

  #isForkPost(name: string, channel: ConversationId, seq: number, by: string, text: string): boolean {
    return this.#forksOf(name, channel).some((post) => post.seq === seq && post.author.account === by && this.#chains.writtenOf(post.body)?.text === text)
  }

  /** Whether what it verified ends in a post that others do not have. */
  #isOnFork(device: DeviceRecord, channel: ConversationId): boolean {
    const record = device.channels.get(channel)
    if (record?.seq === undefined || record.head === undefined) return false
    return this.#forks.has(forkKey(device.name, channel, record.head)) && record.head !== this.#chains.get(channel, record.seq)?.head
  }
}

function recordOf(device: DeviceRecord, channel: ConversationId): FollowedChannel {
  const known = device.channels.get(channel)
  if (known !== undefined) return known
  const made: FollowedChannel = {
    seq: undefined, head: undefined, verified: undefined, gaps: [], isNamed: false, owed: undefined, silences: 0, shown: new Set(), told: new Set(),
  }
  device.channels.set(channel, made)
  return made
}

function forkKey(name: string, channel: ConversationId, head: string): string {
  return `${name}/${channel}/${head}`
}
