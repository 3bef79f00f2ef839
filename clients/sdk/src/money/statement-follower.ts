import { EvegramError } from '@evegram/protocol'
import { WALLY_PAGE_MAX, type StatementLine, type WallyApi } from '../api/wally-api.js'
import type { Core } from '../core/context.js'
import { Turns } from '../core/turns.js'
import { noticeOf, type WalletNotice } from './notice.js'
import { listLinesBehind, readBegun, readFollowed, readTold, writeBegun, writeFollowed, writeLine, writeTold } from './statement-row.js'

/** Lines that one look takes over, far above what people have: past it the look rejects, so that a server that never ends cannot fill the device. */
export const FOLLOW_LINES_MAX = 1_000_000
/** Lines of one local transaction and held in memory: each is three writes at most. */
const COMMIT_LINES = 500

/** Takes the own statement over into the local store, each line once, and tells what is new. */
export class StatementFollower {
  readonly #core: Core
  readonly #api: Pick<WallyApi, 'statement'>
  readonly #turns = new Turns()

  constructor(core: Core, api: Pick<WallyApi, 'statement'>) {
    this.#core = core
    this.#api = api
  }

  /**
   * Takes over what the statement of `asset` has by now, durably and whole. Rejects as the API does, and `invalid.response` for lines that are not in order or more
   * than {@link FOLLOW_LINES_MAX}; then nothing behind the last look is told, and the next look begins again.
   */
  follow(asset: string): Promise<void> {
    return this.#turns.run(async () => { await this.#follow(asset) })
  }

  /**
   * {@link follow}, and tells as events what was not told before. Resolves with that, the oldest first, when it is durable that it was told. What is there the first
   * time is old, unless all was told before: {@link begin}.
   */
  news(asset: string): Promise<readonly WalletNotice[]> {
    return this.#turns.run(async () => {
      await this.#follow(asset)
      const { store } = this.#core
      const told = await readTold(store, asset) ?? (await readBegun(store) ? 0 : undefined)
      const news: WalletNotice[] = []
      let last = told ?? await readFollowed(store, asset) ?? 0
      for (let lines = await listLinesBehind(store, asset, last, COMMIT_LINES); lines.length > 0; lines = await listLinesBehind(store, asset, last, COMMIT_LINES)) {
        news.push(...lines.map(noticeOf))
        last = lines.at(-1)?.number ?? last
      }
      if (told === undefined || news.length > 0) await this.#tell(asset, news, last)
      return news
    })
  }

  /** From now on an asset of which nothing was told is news from its first line. Call when all assets that are held were told. */
  begin(): Promise<void> {
    return this.#turns.run(async () => {
      if (await readBegun(this.#core.store)) return
      await this.#core.local.write((tx) => {
        writeBegun(tx)
        return Promise.resolve()
      })
    })
  }

  async #tell(asset: string, news: readonly WalletNotice[], last: number): Promise<void> {
    await this.#core.local.write((tx) => {
      writeTold(tx, asset, last)
      tx.afterCommit(() => { for (const notice of news) this.#core.events.emit('wallet-notice', notice) })
      return Promise.resolve()
    })
  }

  async #follow(asset: string): Promise<void> {
    const last = await readFollowed(this.#core.store, asset)
    const newest = await this.#takeBehind(asset, last ?? 0)
    if (newest === undefined && last !== undefined) return
    // Last of all: only now nothing is missing between the last look and this one.
    await this.#core.local.write((tx) => {
      writeFollowed(tx, asset, newest ?? 0)
      return Promise.resolve()
    })
  }

  /** Takes over the lines behind number `last`, from the newest back, in bounded steps. Resolves with the number of the newest; undefined when there is none. */
  async #takeBehind(asset: string, last: number): Promise<number | undefined> {
    let newest: number | undefined
    let before: number | undefined
    for (let taken = 0; taken <= FOLLOW_LINES_MAX;) {
      const step: StatementLine[] = []
      let isEnd = false
      while (!isEnd && step.length < COMMIT_LINES) {
        const page = await this.#page(asset, before)
        const news = page.filter(({ number }) => number > last)
        step.push(...news)
        before = page.at(-1)?.number
        isEnd = news.length < WALLY_PAGE_MAX
      }
      newest ??= step[0]?.number
      taken += step.length
      if (step.length > 0) await this.#take(step)
      if (isEnd) return newest
    }
    throw new EvegramError('invalid.response', { operation: 'follow statement', details: { expected: `at most ${String(FOLLOW_LINES_MAX)} new lines` } })
  }

  /** Lines before number `before`, the newest first, checked: a server that repeats or reorders lines could show one payment twice. */
  async #page(asset: string, before: number | undefined): Promise<readonly StatementLine[]> {
    const lines = await this.#api.statement(asset, before, WALLY_PAGE_MAX)
    let next = before ?? Number.POSITIVE_INFINITY
    for (const line of lines) {
      if (line.asset !== asset || line.number <= 0 || line.number >= next) {
        throw new EvegramError('invalid.response', { operation: 'follow statement', details: { expected: 'lines of the asset, the newest first' } })
      }
      next = line.number
    }
    return lines
  }

  async #take(lines: readonly StatementLine[]): Promise<void> {
    await this.#core.local.write((tx) => {
      for (const line of lines) writeLine(tx, line)
      return Promise.resolve()
    })
  }
}
