import { EvegramError } from '@evegram/protocol'
import { WALLY_PAGE_MAX, type StatementLine, type WallyApi } from '../api/wally-api.js'
import type { Core } from '../core/context.js'
import { Turns } from '../core/turns.js'
import { noticeOf, type WalletNotice } from './notice.js'
import { listLinesBehind, readFollowed, readTold, writeFollowed, writeLine, writeTold } from './statement-row.js'

/** Pages that one look goes back. A device that was away for more lines than that begins again behind them: what lies before is asked of the server, page by page. */
export const FOLLOW_PAGES_MAX = 40
/** Lines of one local transaction: each is three writes at most. */
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

  /** Takes over what the statement of `asset` has by now, durably. Rejects as the API does, and `invalid.response` for lines that are not in order. */
  follow(asset: string): Promise<void> {
    return this.#turns.run(async () => { await this.#follow(asset) })
  }

  /**
   * {@link follow}, and tells as events what was not told before. Resolves with that, the oldest first, when it is durable that it was told; the first time everything
   * is old.
   */
  news(asset: string): Promise<readonly WalletNotice[]> {
    return this.#turns.run(async () => {
      await this.#follow(asset)
      const { store } = this.#core
      const told = await readTold(store, asset)
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

  async #tell(asset: string, news: readonly WalletNotice[], last: number): Promise<void> {
    await this.#core.local.write((tx) => {
      writeTold(tx, asset, last)
      tx.afterCommit(() => { for (const notice of news) this.#core.events.emit('wallet-notice', notice) })
      return Promise.resolve()
    })
  }

  async #follow(asset: string): Promise<void> {
    const last = await readFollowed(this.#core.store, asset)
    const lines = await this.#behind(asset, last ?? 0)
    for (let begin = 0; begin < lines.length; begin += COMMIT_LINES) await this.#take(asset, lines.slice(begin, begin + COMMIT_LINES))
    if (last === undefined && lines.length === 0) await this.#take(asset, [])
  }

  async #take(asset: string, lines: readonly StatementLine[]): Promise<void> {
    await this.#core.local.write((tx) => {
      for (const line of lines) writeLine(tx, line)
      writeFollowed(tx, asset, lines.at(-1)?.number ?? 0)
      return Promise.resolve()
    })
  }

  /** Lines behind number `last`, the oldest first. */
  async #behind(asset: string, last: number): Promise<readonly StatementLine[]> {
    const found: StatementLine[] = []
    let before: number | undefined
    for (let page = 0; page < FOLLOW_PAGES_MAX; page++) {
      const lines = await this.#api.statement(asset, before, WALLY_PAGE_MAX)
      for (const line of lines) {
        // A server that repeats or reorders lines could show one payment twice.
        if (line.asset !== asset || line.number <= 0 || (before !== undefined && line.number >= before)) {
          throw new EvegramError('invalid.response', { operation: 'follow statement', details: { expected: 'lines of the asset, the newest first' } })
        }
        before = line.number
        if (line.number <= last) return found.reverse()
        found.push(line)
      }
      if (lines.length < WALLY_PAGE_MAX) break
    }
    return found.reverse()
  }
}
