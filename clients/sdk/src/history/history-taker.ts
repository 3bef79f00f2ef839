import { equalBytes, EvegramError, hexOf, isEvegramError, type DeviceId } from '@evegram/protocol'
import { ARCHIVE_VERSION } from '../archive/archive-frame.js'
import { importKey } from '../archive/import-archive.js'
import { asEvegramError } from '../core/background.js'
import { bytesOfStream } from '../files/bytes-of-stream.js'
import { downloadFile } from '../files/download.js'
import { isPassing } from '../files/transfer-retry.js'
import { deviceCode } from './device-code.js'
import type { HistoryProgress, HistoryStatus } from './history.js'
import { HISTORY_LIMITS, otherDevices, tellOwn, type HistoryParts } from './history-parts.js'
import { readWant, writeWant, type WantRow } from './want-row.js'

/** The side of a device that lacks what was said before it came. */
export class HistoryTaker {
  readonly #parts: HistoryParts
  /** Ends what is being fetched. */
  #stop = new AbortController()
  /** Whose archive is being fetched. */
  #from: DeviceId | undefined

  constructor(parts: HistoryParts) {
    this.#parts = parts
  }

  async request(): Promise<HistoryStatus> {
    const { core, api } = this.#parts
    if (api === undefined) throw new EvegramError('files.none', { operation: 'ask for history', advice: 'This server stores no files: carry a backup over in a file instead.' })
    // A device that was added a moment ago may not be known here yet; without a connection what is known counts.
    if (core.connection() !== undefined) await core.roster.refresh(core.account)
    if (otherDevices(core).length === 0) throw new EvegramError('history.no_device', { operation: 'ask for history' })
    const ask = core.random.bytes(16)
    await core.local.write(async (tx) => {
      const known = await readWant(tx)
      if (known?.state === 'asked' || known?.state === 'taking') return
      writeWant(tx, { ask, state: 'asked', askedAtMs: core.time.now(), toldAtMs: 0, declinedBy: [] })
      tx.afterCommit(() => { core.events.emit('history-changed', { role: 'taking', state: 'asked' }) })
    })
    return this.status()
  }

  async status(): Promise<HistoryStatus> {
    const { core } = this.#parts
    const want = await readWant(core.store)
    const common = { code: deviceCode(core.account, core.device), devices: otherDevices(core).length }
    if (want === undefined || want.state === 'ended') return { state: 'none', ...common, declinedBy: [] }
    const { state, askedAtMs, toldAtMs, declinedBy, from, messages, error } = want
    return {
      state, ...common, declinedBy, askedAtMs, ...(state === 'asked' ? { told: toldAtMs > 0 } : {}), ...(from === undefined ? {} : { from }), ...(messages === undefined ? {} : { messages }), ...(error === undefined ? {} : { error }),
    }
  }

  async cancel(): Promise<void> {
    const { core } = this.#parts
    await core.local.write(async (tx) => {
      const want = await readWant(tx)
      if (want === undefined || want.state === 'ended') return
      // Those that were told when it was done need not be told again.
      if (want.toldAtMs > 0 && want.state === 'done') writeWant(tx, undefined)
      else writeWant(tx, { ...want, state: 'ended', toldAtMs: 0 })
      tx.afterCommit(() => { core.events.emit('history-changed', { role: 'taking', state: 'ended' }) })
    })
    this.#stop.abort()
  }

  /** A device is none of the account any more: what it gave is not taken further. The next round ends it. */
  distrust(device: DeviceId): void {
    if (device === this.#from) this.#stop.abort()
  }

  /** Does what there is to do. Rejects as the server does where that passes by itself. `closing` ends it early. */
  async round(closing: AbortSignal): Promise<void> {
    const { core } = this.#parts
    const want = await readWant(core.store)
    if (want === undefined) return
    const nowMs = core.time.now()
    switch (want.state) {
      case 'asked':
        if (nowMs - want.askedAtMs >= HISTORY_LIMITS.keptMs) await this.cancel()
        else if (want.toldAtMs === 0 || nowMs - want.toldAtMs >= HISTORY_LIMITS.askAgainMs) await this.#tell(want)
        return
      case 'taking':
        await this.#take(want, closing)
        return
      case 'done': case 'failed': case 'ended':
        if (want.toldAtMs === 0) await this.#tell(want)
        return
      default:
        want.state satisfies never
    }
  }

  /** Tells the other own devices what is wanted, or that nothing more is. */
  async #tell(want: WantRow): Promise<void> {
    const { core } = this.#parts
    const isAsking = want.state === 'asked'
    const written = (tx: Parameters<Parameters<typeof core.local.write>[0]>[0]): void => {
      writeWant(tx, want.state === 'ended' ? undefined : { ...want, toldAtMs: core.time.now() })
    }
    if (otherDevices(core).length === 0) {
      await core.local.write((tx) => Promise.resolve(written(tx)))
      return
    }
    const body = isAsking ? { ask: want.ask, reads: ARCHIVE_VERSION } : { ask: want.ask, over: true as const }
    await tellOwn(this.#parts, { kind: 'history_request', body }, () => true, async (tx) => {
      const now = await readWant(tx)
      if (now?.state !== want.state || !equalBytes(now.ask, want.ask)) return false
      written(tx)
      return true
    })
  }

  async #take(want: WantRow, closing: AbortSignal): Promise<void> {
    const { core, api, archives } = this.#parts
    const { archive, from, ask } = want
    if (archive === undefined || from === undefined || api === undefined) return this.#end(want, new EvegramError('files.none', { operation: 'take history' }))
    // It may have been revoked since it answered.
    if (!otherDevices(core).includes(from)) return this.#end(want, new EvegramError('history.refused', { operation: 'take history' }))
    this.#stop = new AbortController()
    this.#from = from
    const signal = AbortSignal.any([closing, this.#stop.signal])
    const tell = (step: HistoryProgress['step'], done: number, total: number | undefined): void => { this.#progress(from, step, done, total) }
    try {
      const sealed = downloadFile({ api, clock: core.clock, random: core.random }, archive, { signal, onProgress: ({ doneBytes, totalBytes }) => { tell('fetching', doneBytes, totalBytes) } })
      await archives.import(bytesOfStream(sealed), {
        id: hexOf(ask), from, signal, onProgress: ({ messages, known }) => { tell('importing', messages + known, want.messages) },
      })
      await this.#end(want, undefined)
      // Its device removes it too when it hears that it is over; the server forgets it in time anyway.
      await api.remove(archive.blob, { signal: closing }).catch(() => undefined)
    } catch (error) {
      // Taken back, or goes on in the next run.
      if (signal.aborted) return
      if (isPassing(error) || isEvegramError(error, 'client.closed')) throw error
      await this.#end(want, asEvegramError(error, 'take history'))
    }
  }

  #progress(device: DeviceId, step: HistoryProgress['step'], done: number, total: number | undefined): void {
    this.#parts.core.events.emit('history-progress', { role: 'taking', device, step, done, ...(total === undefined ? {} : { total }) })
  }

  async #end(want: WantRow, error: EvegramError | undefined): Promise<void> {
    const { core } = this.#parts
    await core.local.write(async (tx) => {
      const now = await readWant(tx)
      if (now?.state !== 'taking' || !equalBytes(now.ask, want.ask)) return
      const { archive: _archive, ...rest } = now
      // One that failed begins anew under another name.
      tx.remove('history', importKey(hexOf(want.ask)))
      writeWant(tx, { ...rest, state: error === undefined ? 'done' : 'failed', toldAtMs: 0, ...(error === undefined ? {} : { error: error.code }) })
      tx.afterCommit(() => {
        core.events.emit('history-changed', {
          role: 'taking', state: error === undefined ? 'done' : 'failed', ...(want.from === undefined ? {} : { device: want.from }), ...(error === undefined ? {} : { error: error.code }),
        })
      })
    })
    // The others are told at once.
    const after = await readWant(core.store)
    if (after !== undefined && after.toldAtMs === 0) await this.#tell(after)
  }
}
