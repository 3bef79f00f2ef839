import { channelSaltOf, equalBytes, EvegramError, type ConversationId } from '@evegram/protocol'
import type { Core } from './context.js'
import { readChannel, readChannelLog, writeChannelLog, type ChannelLogRow } from './channel-row.js'
import { readMembership, type ReadMembership } from './membership-reader.js'
import { KeyedTurns } from './turns.js'

/** Follows the membership logs of channels: who may post. They never become conversations. */
export class ChannelLogs {
  readonly #core: Core
  readonly #turns = new KeyedTurns()

  constructor(core: Core) {
    this.#core = core
  }

  /**
   * Reads and verifies the log of a channel that is not followed yet, and that `key` belongs to it. Writes nothing. Rejects with
   * `channel.key`, the rule that the log breaks (told as `channel-alarm`), `not_found.conversation`, `unavailable.server`, or as the verifier does.
   */
  async enter(channel: ConversationId, key: Uint8Array): Promise<ChannelLogRow> {
    const read = await this.#read(channel, undefined)
    const [first] = read.news
    const isFounded = first?.entry.kind === 'create_channel' && equalBytes(first.entry.body.salt, channelSaltOf(key))
    if (!isFounded) throw new EvegramError('channel.key', { operation: 'follow channel' })
    return rowOf(read, undefined)
  }

  /**
   * Brings the log of a followed channel up to date with the server and makes it durable; what breaks a rule is told as `channel-alarm`, and
   * changes nothing. Waits for the network. Rejects as {@link enter} does; `not_found.conversation` also when the channel is not followed.
   */
  refresh(channel: ConversationId): Promise<ChannelLogRow> {
    return this.#turns.run(channel, async () => {
      const before = await readChannelLog(this.#core.store, channel)
      if (before === undefined) throw new EvegramError('not_found.conversation', { operation: 'read channel', advice: 'This profile does not follow the channel.' })
      const read = await this.#read(channel, before)
      if (read.news.length === 0) return before
      const row = rowOf(read, before)
      const { local, events } = this.#core
      await local.write(async (tx) => {
        const followed = await readChannel(tx, channel)
        // It was left meanwhile.
        if (followed === undefined) return
        writeChannelLog(tx, row)
        for (const { event: { version, by, joined, left } } of read.news) {
          tx.afterCommit(() => { events.emit('channel-changed', { channel, name: followed.name, version, by, joined, left }) })
        }
      })
      return row
    })
  }

  async #read(channel: ConversationId, before: ChannelLogRow | undefined): Promise<ReadMembership> {
    return readMembership(this.#core, channel, before?.group, ({ code, reason }) => { this.#core.events.emit('channel-alarm', { channel, code, reason }) })
  }
}

function rowOf({ row, news }: ReadMembership, before: ChannelLogRow | undefined): ChannelLogRow {
  const by = news.at(-1)?.entry.actor.device ?? before?.by
  if (by === undefined) throw new EvegramError('internal', { operation: 'read channel' })
  const [first] = news
  return { group: row, by, foundedAtMs: before?.foundedAtMs ?? first?.entry.atMs ?? 0 }
}
