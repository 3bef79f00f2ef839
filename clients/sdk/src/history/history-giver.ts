import {
  BLOB_ID_BYTES, BLOB_KEY_BYTES, BLOB_TAG_BYTES, concatBytes, EvegramError, hexOf, isEvegramError, LIMITS, parseBlobId, sealedBlobBytes,
  type BlobRef, type DeviceId, type HistoryOffer,
} from '@evegram/protocol'
import { ARCHIVE_VERSION } from '../archive/archive-frame.js'
import { dropSpool, readSpool, spoolSealed } from '../backup/spool.js'
import { asEvegramError } from '../core/background.js'
import { isPassing } from '../files/transfer-retry.js'
import { listGives, readGive, removeGive, writeGive, type GiveRow } from './give-row.js'
import type { HistoryChanged, HistoryProgress, HistoryRequested } from './history.js'
import { HISTORY_LIMITS, otherDevices, tellOwn, type HistoryParts } from './history-parts.js'
import { PairCodes } from './pair-code.js'

const SHOWN: Readonly<Record<Exclude<GiveRow['state'], 'ended'>, HistoryRequested['state']>> = {
  waiting: 'waiting', approved: 'giving', sealed: 'giving', stored: 'giving', given: 'given', declining: 'declined', declined: 'declined', failed: 'failed',
}

/** The side of a device whose person is asked to give history to another own device. */
export class HistoryGiver {
  readonly #parts: HistoryParts
  readonly #codes: PairCodes

  constructor(parts: HistoryParts) {
    this.#parts = parts
    this.#codes = new PairCodes(parts.core.account)
  }

  async requests(): Promise<readonly HistoryRequested[]> {
    const { core } = this.#parts
    const active = otherDevices(core)
    const shown: HistoryRequested[] = []
    for (const { device, ask, askedAtMs, state, error } of await listGives(core.store)) {
      if (state === 'ended' || !active.includes(device)) continue
      shown.push({ device, code: this.#codes.of(ask, device, core.device), askedAtMs, state: SHOWN[state], ...(error === undefined ? {} : { error }) })
    }
    return shown
  }

  async approve(device: DeviceId): Promise<void> {
    if (this.#parts.api === undefined) throw new EvegramError('files.none', { operation: 'give history' })
    if (!otherDevices(this.#parts.core).includes(device)) throw refused()
    await this.#decide(device, ({ error: _error, ...row }) => (['waiting', 'failed', 'declining', 'declined'].includes(row.state) ? { ...row, state: 'approved' } : row))
  }

  async decline(device: DeviceId): Promise<void> {
    await this.#decide(device, (row) => (row.state === 'declined' ? row : { ...row, state: 'declining' }))
  }

  /** Does what there is to do for every request. Rejects as the server does where that passes by itself. `closing` ends it early. */
  async round(closing: AbortSignal): Promise<void> {
    for (const row of await listGives(this.#parts.core.store)) {
      if (closing.aborted) return
      await this.#step(row, closing)
    }
  }

  async #decide(device: DeviceId, next: (row: GiveRow) => GiveRow): Promise<void> {
    const { core } = this.#parts
    await core.local.write(async (tx) => {
      const found = (await listGives(core.store)).find((row) => row.device === device && row.state !== 'ended')
      if (found === undefined) throw refused()
      const decided = next(found)
      if (decided.state === found.state) return
      writeGive(tx, decided)
      tx.afterCommit(() => { this.#tellChange(decided) })
    })
  }

  /** One request, as far as it can go now. */
  async #step(begun: GiveRow, closing: AbortSignal): Promise<void> {
    const { core } = this.#parts
    let row: GiveRow | undefined = begun
    while (row !== undefined && !closing.aborted) {
      const isOver: boolean = core.time.now() - row.askedAtMs >= HISTORY_LIMITS.keptMs || !otherDevices(core).includes(row.device)
      try {
        row = await this.#next(isOver ? await this.#move(row, { ...row, state: 'ended' }) : row, closing)
      } catch (error) {
        if (closing.aborted || isPassing(error) || isEvegramError(error, 'client.closed')) throw error
        await this.#fail(begun.ask, asEvegramError(error, 'give history'))
        return
      }
    }
  }

  /** What comes behind the state of a row; undefined when that is up to others. */
  async #next(row: GiveRow | undefined, closing: AbortSignal): Promise<GiveRow | undefined> {
    if (row === undefined) return undefined
    switch (row.state) {
      case 'waiting': case 'given': case 'declined': case 'failed':
        return undefined
      case 'approved':
        return this.#seal(row, closing)
      case 'sealed':
        return this.#store(row, closing)
      case 'stored':
        return this.#offer(row)
      case 'declining':
        await this.#dropArchive(row)
        return this.#say(row, { ask: row.ask, declined: true }, 'declined')
      case 'ended':
        await this.#dropArchive(row)
        await this.#parts.core.local.write((tx) => {
          removeGive(tx, row)
          tx.afterCommit(() => { this.#tellChange(row) })
          return Promise.resolve()
        })
        return undefined
      default:
        return row.state satisfies never
    }
  }

  /** Writes the next state, unless the row is another one by now: then that is resolved with. Told, where people see a difference. */
  async #move(from: GiveRow, to: GiveRow): Promise<GiveRow | undefined> {
    return this.#parts.core.local.write(async (tx) => {
      const now = await readGive(tx, from.ask)
      if (now?.state !== from.state) return now
      writeGive(tx, to)
      // That it ended is told when it is gone.
      if (to.state !== 'ended' && shownOf(to) !== shownOf(from)) tx.afterCommit(() => { this.#tellChange(to) })
      return to
    })
  }

  /** A revoked device gets nothing: the server is asked before anything is sealed, and again before the key is sent. */
  async #isActive(device: DeviceId): Promise<boolean> {
    const { core } = this.#parts
    await core.roster.refresh(core.account)
    return otherDevices(core).includes(device)
  }

  async #seal(before: GiveRow, closing: AbortSignal): Promise<GiveRow | undefined> {
    const { core, archives } = this.#parts
    if (before.reads < ARCHIVE_VERSION) throw new EvegramError('incompatible.schema', { operation: 'give history', details: { reads: before.reads, writes: ARCHIVE_VERSION } })
    if (!(await this.#isActive(before.device))) return this.#move(before, { ...before, state: 'ended' })
    // What an earlier run left was sealed in part: it is sealed anew, with another key.
    await this.#dropArchive(before)
    const blob = parseBlobId(hexOf(core.random.bytes(BLOB_ID_BYTES)))
    const { archive: _archive, ...plain } = before
    const row = await this.#move(before, { ...plain, blob })
    if (row?.blob !== blob) return row
    const { header, bytes, counted } = await archives.draft(() => {
      if (counted.messages > 0 && counted.messages % HISTORY_LIMITS.messagesPerStep === 0) this.#progress(row.device, 'reading', counted.messages, undefined)
    })
    const sealed = await spoolSealed(core.local, 'given', blob, withinServer(bytes), core.random.bytes(BLOB_KEY_BYTES), closing)
    this.#progress(row.device, 'reading', counted.messages, counted.messages)
    const next = await this.#move(row, { ...row, state: 'sealed', archive: { blob, ...sealed }, messages: counted.messages, madeAtMs: header.madeAtMs })
    if (next?.state !== 'sealed') await dropSpool(core.local, 'given', blob)
    return next
  }

  async #store(row: GiveRow, closing: AbortSignal): Promise<GiveRow | undefined> {
    const { api } = this.#parts
    const { archive } = row
    if (api === undefined || archive === undefined) throw new EvegramError('files.none', { operation: 'give history' })
    const bytes = sealedBlobBytes(archive.size, archive.chunk)
    const announce = { blob: archive.blob, bytes, digest: archive.digest, retention: 'message' } as const
    const call = { signal: closing }
    let damaged = 0
    let state = await api.create(announce, call)
    while (!state.complete) {
      this.#progress(row.device, 'storing', state.offset, bytes)
      try {
        const sent = await api.append(archive.blob, state.offset, await this.#piece(archive, state.offset), call)
        state = sent.status === 'appended' ? sent : { ...state, offset: sent.offset }
        if (sent.status === 'elsewhere' && sent.offset >= bytes) state = await api.progress(archive.blob, call)
      } catch (error) {
        const isGone = isEvegramError(error, 'conflict.blob_digest') || isEvegramError(error, 'not_found.blob')
        damaged += 1
        if (!isGone || damaged > HISTORY_LIMITS.damagedMax) throw error
        state = await api.create(announce, call)
      }
    }
    this.#progress(row.device, 'storing', bytes, bytes)
    return this.#move(row, { ...row, state: 'stored' })
  }

  /** Sealed bytes from `offset` on, to the end of some chunk. */
  async #piece({ blob, chunk }: BlobRef, offset: number): Promise<Uint8Array> {
    const sealedChunk = chunk + BLOB_TAG_BYTES
    const first = Math.floor(offset / sealedChunk)
    const chunks: Uint8Array[] = []
    for await (const bytes of readSpool(this.#parts.core.store, 'given', blob, first)) {
      chunks.push(bytes)
      if (chunks.length === HISTORY_LIMITS.chunksPerRequest) break
    }
    if (chunks.length === 0) throw new EvegramError('client.store', { operation: 'read sealed history' })
    return concatBytes(...chunks).subarray(offset - first * sealedChunk)
  }

  async #offer(row: GiveRow): Promise<GiveRow | undefined> {
    const { archive, messages = 0, madeAtMs = 0 } = row
    if (archive === undefined) throw new EvegramError('client.store', { operation: 'give history' })
    if (!(await this.#isActive(row.device))) return this.#move(row, { ...row, state: 'ended' })
    const next = await this.#say(row, { ask: row.ask, archive, messages, madeAtMs }, 'given')
    // The server has it.
    await dropSpool(this.#parts.core.local, 'given', archive.blob)
    return next
  }

  /** Tells the device that asked, and it alone; durable together with the next state. */
  async #say(row: GiveRow, body: HistoryOffer, state: 'given' | 'declined'): Promise<GiveRow | undefined> {
    await tellOwn(this.#parts, { kind: 'history_offer', body }, (device) => device === row.device, async (tx) => {
      if ((await readGive(tx, row.ask))?.state !== row.state) return false
      const next: GiveRow = { ...row, state }
      writeGive(tx, next)
      if (SHOWN[state] !== shownOf(row)) tx.afterCommit(() => { this.#tellChange(next) })
      return true
    })
    return undefined
  }

  /** Forgets what was sealed, here and at the server. */
  async #dropArchive({ blob }: GiveRow): Promise<void> {
    const { core, api } = this.#parts
    if (blob === undefined) return
    await dropSpool(core.local, 'given', blob)
    // The server forgets it in time anyway.
    await api?.remove(blob).catch(() => undefined)
  }

  async #fail(ask: Uint8Array, error: EvegramError): Promise<void> {
    const now = await readGive(this.#parts.core.store, ask)
    if (now === undefined) return
    await this.#dropArchive(now)
    const { blob: _blob, archive: _archive, ...plain } = now
    await this.#move(now, { ...plain, state: 'failed', error: error.code })
  }

  #progress(device: DeviceId, step: HistoryProgress['step'], done: number, total: number | undefined): void {
    this.#parts.core.events.emit('history-progress', { role: 'giving', device, step, done, ...(total === undefined ? {} : { total }) })
  }

  #tellChange({ device, state, error }: GiveRow): void {
    const shown: HistoryChanged['state'] = state === 'ended' ? 'ended' : SHOWN[state]
    this.#parts.core.events.emit('history-changed', { role: 'giving', device, state: shown, ...(error === undefined ? {} : { error }) })
  }
}

function shownOf({ state }: GiveRow): HistoryRequested['state'] | undefined {
  return state === 'ended' ? undefined : SHOWN[state]
}

function refused(): EvegramError {
  return new EvegramError('history.refused', { operation: 'answer a request for history', advice: 'No active device of this account with that id asks for history.' })
}

/** The bytes of an archive, up to what one blob holds. */
async function* withinServer(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  let size = 0
  for await (const piece of bytes) {
    size += piece.length
    // The tags of the chunks and the padding come on top.
    if (sealedBlobBytes(size, 65_536) > LIMITS.blobBytesMax) {
      throw new EvegramError('too_large.blob', { operation: 'give history', advice: 'There is more history than the server takes at once: carry a backup over in a file instead.' })
    }
    yield piece
  }
}
