import { channelHeadOf, equalBytes, hexOf, LIMITS, type ChannelPost, type ConversationId, type DeviceId } from '@evegram/protocol'
import type { Run } from '../kernel/run.js'

/** Retention is cut by whole hours, and a follower counts from the last time it was confirmed, which is kept by the hour. */
const RETENTION_SLACK_MS = 4 * 3_600_000

/** A post as its author's disk says it. */
export interface WrittenPost {
  readonly device: DeviceId
  readonly kind: 'text' | 'authors'
  readonly text: string
}

/** A post that is stored. */
export interface StoredPost {
  readonly post: ChannelPost
  readonly bytes: Uint8Array
  /** Hex of the head behind it. */
  readonly head: string
  readonly written: WrittenPost | undefined
  /** Its place among everything that was stored, and that nodes began to listen to. */
  readonly order: number
}

/** The chains of channels as the store has them, and what their authors wrote. */
export class ChannelChains {
  readonly #run: Run
  readonly #chains = new Map<ConversationId, StoredPost[]>()
  /** By body, in hex: no two posts have the same. */
  readonly #written = new Map<string, WrittenPost>()
  #order = 0

  constructor(run: Run) {
    this.#run = run
  }

  /** The next number of what happens in stores and at the broker. */
  nextOrder(): number {
    return ++this.#order
  }

  /** Takes what the disk of its author says of a post. */
  write(body: Uint8Array, written: WrittenPost): void {
    this.#written.set(hexOf(body), written)
  }

  /** What its author's disk says of a post with this body. */
  writtenOf(body: Uint8Array): WrittenPost | undefined {
    return this.#written.get(hexOf(body))
  }

  /** Appends a post behind those that are there. */
  push(post: ChannelPost, bytes: Uint8Array): void {
    const chain = this.#chains.get(post.channel) ?? []
    this.#chains.set(post.channel, chain)
    chain.push({ post, bytes: bytes.slice(), head: hexOf(channelHeadOf(bytes)), written: this.writtenOf(post.body), order: this.nextOrder() })
  }

  /** How many posts a channel has. */
  length(channel: ConversationId): number {
    return this.#chains.get(channel)?.length ?? 0
  }

  /** Post `seq`, counted from 1. */
  get(channel: ConversationId, seq: number): StoredPost | undefined {
    return this.#chains.get(channel)?.[seq - 1]
  }

  /** Whether exactly these bytes are stored under their number. */
  isStored({ channel, seq }: Pick<ChannelPost, 'channel' | 'seq'>, bytes: Uint8Array): boolean {
    const stored = this.get(channel, seq)
    return stored !== undefined && equalBytes(stored.bytes, bytes)
  }

  /** Whether something of this time may be older than the retention. */
  isOld(atMs: number): boolean {
    return atMs < this.#run.trueTimeMs - LIMITS.retentionMs + RETENTION_SLACK_MS
  }
}
