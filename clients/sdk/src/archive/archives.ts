import { EvegramError } from '@evegram/protocol'
import type { Core } from '../core/context.js'
import { readProfile } from '../core/profile.js'
import { FOLLOWER_LIMITS, type ChannelFollower } from '../sync/channel-follower.js'
import type { ArchiveHeader } from './archive-header.js'
import { writeArchive, type ArchiveCount } from './collect-archive.js'
import { importArchive, type ImportOptions } from './import-archive.js'
import type { ImportCounts } from './import-counts.js'

/** An archive that can be written once. */
export interface ArchiveDraft {
  readonly header: ArchiveHeader
  /** Its bytes, in pieces, in constant memory. */
  readonly bytes: AsyncIterable<Uint8Array<ArrayBuffer>>
  /** Grows while the bytes are read. */
  readonly counted: ArchiveCount
}

/** Archives of the running profile: what is said, with whom, and what is known about it; no keys of any session. */
export class Archives {
  readonly #core: Core
  readonly #follower: ChannelFollower

  constructor(core: Core, follower: ChannelFollower) {
    this.#core = core
    this.#follower = follower
  }

  /** An archive of what the profile has now; `onRecord` is called after each of its records. */
  async draft(onRecord: () => void = () => undefined): Promise<ArchiveDraft> {
    const { store, account, device, time } = this.#core
    const profile = await readProfile(store)
    if (profile === undefined) throw new EvegramError('client.not_signed_in', { operation: 'write archive' })
    const header: ArchiveHeader = { account, device, domain: profile.domain, serverId: profile.serverId, madeAtMs: time.now() }
    const counted = { records: 0, messages: 0 }
    return { header, bytes: writeArchive(store, header, counted, onRecord), counted }
  }

  /** Merges an archive into the profile and tells of it: {@link importArchive}. */
  async import(bytes: AsyncIterable<Uint8Array>, options: ImportOptions = {}): Promise<ImportCounts> {
    const { local, account, state, requests, time, events } = this.#core
    const counts = await importArchive({
      local, account, state, requests, now: () => time.now(), channelRoom: () => FOLLOWER_LIMITS.channelsMax - this.#follower.size,
      channelAdded: (channel) => { this.#follower.wake(channel) },
    }, bytes, options)
    events.emit('history-imported', counts)
    return counts
  }
}
