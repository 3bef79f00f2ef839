import type { Client, ServerNotice } from '@evegram/sdk'
import type { Context } from '../context.js'
import { interruption } from '../interruption.js'
import { noticeViews } from '../notice-line.js'
import { shownWithoutServer, synced } from '../synced.js'

/** How long the server may be away before what this device has is printed without it. */
const AWAY_MS_MAX = 10_000
/** Notices that are printed unless more are asked for. */
const LIMIT_DEFAULT = 20

/** Choices of {@link notices}. */
export interface NoticesOptions {
  readonly limit?: number
  readonly follow?: boolean
  /** With `follow`: ends after so many in all. */
  readonly count?: number
}

/** `evegram notices`: what the server told this account, and with `--follow` what it tells from now on. What was printed is read. */
export async function notices(context: Context, { limit = LIMIT_DEFAULT, follow = false, count }: NoticesOptions): Promise<void> {
  await context.withClient(async (client, ended) => {
    const view = noticeViews(client, context.output)
    // Listened for before the list is read: what arrives in between must be neither lost nor printed twice.
    const arrived = new Arrivals(client)
    const stop = interruption()
    const signal = AbortSignal.any([stop.signal, ended])
    const wanted = count ?? Number.POSITIVE_INFINITY
    let printed = 0
    const print = async (notice: ServerNotice): Promise<void> => {
      const { object, text } = await view(notice, Date.now())
      await context.output.result({ ...object, unread: notice.unread }, `${text}${notice.unread ? context.output.paint('bold', '  new') : ''}`)
      await client.notices.markRead(notice)
      printed++
    }
    try {
      const isComplete = await synced(client, AWAY_MS_MAX)
      const past = await client.notices.list(limit)
      for (const notice of past.slice(0, wanted)) await print(notice)
      if (!follow) {
        if (past.length === 0) context.output.note('Nothing yet: the server tells here what happens to your money.')
        if (!isComplete) throw shownWithoutServer()
        return
      }
      context.output.note('Following; Ctrl-C ends it.')
      const shown = new Set(past.map(({ messageId }) => messageId))
      while (printed < wanted) {
        const notice = await arrived.next(signal)
        if (notice === undefined) break
        if (!shown.has(notice.messageId)) await print(notice)
      }
    } finally {
      arrived.close()
      stop.release()
    }
  })
}

/** Notices in the order in which they were committed, for one reader. What waits is bounded by what the device takes over while one is printed. */
class Arrivals {
  readonly #waiting: ServerNotice[] = []
  readonly #release: () => void
  #wake = (): void => undefined

  constructor(client: Client) {
    this.#release = client.on('server-notice', (notice) => {
      this.#waiting.push(notice)
      this.#wake()
    })
  }

  /** The next one; undefined once `signal` aborts. */
  async next(signal: AbortSignal): Promise<ServerNotice | undefined> {
    while (this.#waiting.length === 0 && !signal.aborted) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
        signal.addEventListener('abort', () => { resolve() }, { once: true })
      })
    }
    return signal.aborted ? undefined : this.#waiting.shift()
  }

  close(): void {
    this.#release()
  }
}
