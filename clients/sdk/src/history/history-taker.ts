import { equalBytes, EvegramError, hexOf, isEvegramError, type DeviceId } from '@evegram/protocol'
import { ARCHIVE_VERSION } from '../archive/archive-frame.js'
import { importKey } from '../archive/import-archive.js'
import { asEvegramError } from '../core/background.js'
import type { Transaction } from '../core/transaction.js'
import { bytesOfStream } from '../files/bytes-of-stream.js'
import { downloadFile } from '../files/download.js'
import { isPassing } from '../files/transfer-retry.js'
import type { HistoryProgress, HistoryStatus } from './history.js'
import { HISTORY_LIMITS, otherDevices, tellOwn, type HistoryParts } from './history-parts.js'
import { PairCodes } from './pair-code.js'
import { DECLINED_MAX, readWant, taking, writeWant, type WantRow } from './want-row.js'

/** The side of a device that lacks what was said before it came. */
export class HistoryTaker {
  readonly #parts: HistoryParts
  readonly #codes: PairCodes
  /** Ends what is being fetched. */
  #stop = new AbortController()
  /** Whose archive is being fetched. */
  #from: DeviceId | undefined

  constructor(parts: HistoryParts) {
    this.#parts = parts
    this.#codes = new PairCodes(parts.core.account)
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
      writeWant(tx, { ask, state: 'asked', askedAtMs: core.time.now(), toldAtMs: 0, declinedBy: [], offers: [], refused: [] })
      tx.afterCommit(() => { core.events.emit('history-changed', { role: 'taking', state: 'asked' }) })
    })
    return this.status()
  }

  async status(): Promise<HistoryStatus> {
    const { core } = this.#parts
    const want = await readWant(core.store)
    const active = otherDevices(core)
    if (want === undefined || want.state === 'ended') return { state: 'none', devices: active.length, codes: [], offers: [], declinedBy: [] }
    const { ask, askedAtMs, toldAtMs, declinedBy, refused, confirmed, from, messages, error } = want
    const codes = want.state === 'asked' ? active.filter((device) => !refused.includes(device)).map((device) => ({ device, code: this.#codes.of(ask, core.device, device) })) : []
    // Of a device that was revoked since, nothing is offered any more; nor of others, once the person holds one.
    const offers = confirmed !== undefined ? [] : codes.flatMap(({ device, code }) => want.offers.filter((offer) => offer.device === device).map((offer) => ({ device, code, messages: offer.messages })))
    return {
      state: want.state === 'asked' && offers.length > 0 ? 'offered' : want.state, devices: active.length, codes, offers, declinedBy, askedAtMs, ...(want.state === 'asked' ? { told: toldAtMs > 0 } : {}),
      ...(confirmed === undefined ? {} : { confirmed }), ...(from === undefined ? {} : { from }), ...(messages === undefined ? {} : { messages }), ...(error === undefined ? {} : { error }),
    }
  }

  async confirm(device: DeviceId): Promise<void> {
    await this.#judge(device, (want) => {
      const offer = want.offers.find((known) => known.device === device)
      return offer === undefined ? { ...want, confirmed: device } : taking(want, offer)
    })
  }

  async refuse(device: DeviceId): Promise<void> {
    await this.#judge(device, ({ confirmed, ...want }) => ({
      ...want, offers: want.offers.filter((known) => known.device !== device), refused: [...want.refused.slice(-(DECLINED_MAX - 1)), device],
      ...(confirmed === undefined || confirmed === device ? {} : { confirmed }),
    }))
  }

  /** What the person says about the digits of a device, while this one asks. */
  async #judge(device: DeviceId, next: (want: WantRow) => WantRow): Promise<void> {
    const { core } = this.#parts
    await core.local.write(async (tx) => {
      const want = await readWant(tx)
      // Said twice: it is as it was said.
      if (want?.state !== 'asked' && want?.confirmed === device) return
      if (want?.state !== 'asked' || want.refused.includes(device) || !otherDevices(core).includes(device)) {
        throw new EvegramError('history.refused', { operation: 'compare digits', advice: 'This device asks no active device of the account with that id for history.' })
      }
      const judged = next(want)
      writeWant(tx, judged)
      tx.afterCommit(() => { core.events.emit('history-changed', { role: 'taking', device, state: judged.state === 'taking' ? 'taking' : judged.offers.length > 0 ? 'offered' : 'asked' }) })
    })
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
    const body = want.state === 'asked' ? { ask: want.ask, reads: ARCHIVE_VERSION } : { ask: want.ask, over: true as const }
    /** What others and the person said meanwhile stays. */
    const settled = async (tx: Transaction): Promise<boolean> => {
      const now = await readWant(tx)
      if (now?.state !== want.state || !equalBytes(now.ask, want.ask)) return false
      writeWant(tx, now.state === 'ended' ? undefined : { ...now, toldAtMs: core.time.now() })
      return true
    }
    if (otherDevices(core).length === 0) await core.local.write(settled)
    else await tellOwn(this.#parts, { kind: 'history_request', body }, () => true, settled)
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
