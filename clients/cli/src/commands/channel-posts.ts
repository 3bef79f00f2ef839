import { EvegramError, LIMITS } from '@evegram/protocol'
import type { Channel, ChannelPostShown, Client } from '@evegram/sdk'
import { gapWarning } from '../channel-warnings.js'
import type { Context } from '../context.js'
import { EXIT_CODES } from '../exit-codes.js'
import { interruption } from '../interruption.js'
import { AWAY_MS_MAX, namedChannel, pullChannel, serverAway } from '../named-channel.js'
import { postObject, postText } from '../post-line.js'
import { standardInput } from '../standard-input.js'
import { synced } from '../synced.js'

/** Posts that are read from the local store at once. */
const PAGE_POSTS = 100

/**
 * `evegram channel post`: posts a text and waits until the server has stored it, at most `wait` seconds; it then stays queued in the profile
 * (`acked: false`, exit code 4) and goes out with the next command, once. The text `-` is read from standard input.
 */
export async function postInChannel(context: Context, name: string, text: string, options: { readonly wait: number }): Promise<void> {
  const body = text === '-' ? await standardInput(LIMITS.textBytesMax, 'too_large.channel_post') : text
  await context.withClient(async (client) => {
    await synced(client, AWAY_MS_MAX)
    const channel = await namedChannel(client, name)
    const seq = await Promise.race([channel.post(body).then((posted) => posted.seq), delay(options.wait * 1_000).then(() => undefined)])
    if (seq !== undefined) {
      await context.output.result({ channel: channel.id, seq, acked: true }, `posted #${String(seq)}`)
      return
    }
    // Who is not known to be an author waited for the server to tell that: nothing is queued.
    if (await channel.role() === undefined) throw serverAway()
    process.exitCode = EXIT_CODES.unreachable[0]
    await context.output.result({ channel: channel.id, acked: false }, 'queued: the server did not answer; it goes out with the next command')
  })
}

/**
 * `evegram channel read`: reads a channel to its end, then prints what this device has of it, by number. Gaps are named on standard error. Without a
 * server it prints what there is, and fails; so it does (exit code 5) when the server hides posts, or shows some that cannot be believed.
 */
export function readChannel(context: Context, name: string, { after, limit }: { readonly after?: number; readonly limit?: number }): Promise<void> {
  return context.withClient(async (client) => {
    const told = new Set<string>()
    const distrusted = new Set<string>()
    client.on('channel-gap', (gap) => {
      told.add(JSON.stringify(gapWarning(gap).object))
      if (gap.reason === 'withheld') distrusted.add(gap.channel)
    })
    client.on('channel-alarm', ({ channel }) => { distrusted.add(channel) })
    const isConnected = await synced(client, AWAY_MS_MAX)
    const channel = await namedChannel(client, name)
    const isComplete = isConnected && await pullChannel(client, channel)
    const title = await channel.name()
    let first: number | undefined
    for await (const post of storedPosts(channel, after, limit)) {
      first ??= post.seq
      await printPost(context, client, post, title)
    }
    for (const gap of await channel.gaps()) {
      const { object, text } = gapWarning(gap)
      const isAskedFor = gap.to > (after ?? (limit === undefined ? 0 : first ?? 0))
      if (isAskedFor && !told.has(JSON.stringify(object))) context.output.warning(object, text)
    }
    if (!isComplete) throw serverAway()
    if (distrusted.has(channel.id)) process.exitCode = EXIT_CODES.security[0]
  })
}

/** `evegram channel watch`: prints posts as they come, of one channel or of all, until it is interrupted or `count` were printed. */
export function watchChannels(
  context: Context, name: string | undefined, { after, count }: { readonly after?: number; readonly count?: number },
): Promise<void> {
  return context.withClient(async (client, ended) => {
    const stop = interruption()
    const news = new News(client)
    try {
      const signal = AbortSignal.any([stop.signal, ended])
      const watched = await watchedChannels(client, name, after, news)
      context.output.note('Watching; Ctrl-C ends it.')
      let left = count ?? Number.POSITIVE_INFINITY
      while (!signal.aborted && left > 0) {
        left = await printNews(context, client, watched, left, signal)
        if (left > 0) await news.next(signal)
      }
    } finally {
      news.release()
      stop.release()
    }
  })
}

/** A channel and the number of the newest post that was printed of it. */
interface Watched {
  readonly channel: Channel
  last: number
}

async function watchedChannels(client: Client, name: string | undefined, after: number | undefined, news: News): Promise<Watched[]> {
  if (name === undefined && after !== undefined) {
    throw new EvegramError('invalid.argument', { operation: 'read --after', advice: 'Every channel has numbers of its own: name the channel that --after is for.' })
  }
  const channels = name === undefined ? await client.channels() : [await namedChannel(client, name)]
  if (channels.length === 0) {
    throw new EvegramError('invalid.argument', { operation: 'watch', advice: 'This profile follows no channel. See: evegram channel follow --help' })
  }
  const watched: Watched[] = []
  for (const channel of channels) {
    const seq = await channel.seq()
    // What arrived before this could be asked is news too.
    watched.push({ channel, last: after ?? Math.min(seq, (news.firstOf(channel) ?? seq + 1) - 1) })
  }
  return watched
}

/** Prints what is behind the last posts that were printed, at most `left`; returns how many more may be printed. */
async function printNews(context: Context, client: Client, watched: readonly Watched[], left: number, signal: AbortSignal): Promise<number> {
  let more = left
  for (const each of watched) {
    for await (const post of storedPosts(each.channel, each.last, undefined)) {
      if (signal.aborted || more === 0) return more
      await printPost(context, client, post, await each.channel.name(), watched.length > 1)
      each.last = post.seq
      more--
    }
  }
  return more
}

/** Tells that there are new posts. Which ones, the local store says: what comes while others are printed is neither lost nor printed twice. */
class News {
  readonly release: () => void
  readonly #first = new Map<string, number>()
  #isThere = false
  #wake = (): void => undefined

  constructor(client: Client) {
    this.release = client.on('channel-post', ({ channel, seq }) => {
      if (!this.#first.has(channel)) this.#first.set(channel, seq)
      this.#isThere = true
      this.#wake()
    })
  }

  /** Number of the first post that came of a channel, if one came. */
  firstOf(channel: Channel): number | undefined {
    return this.#first.get(channel.id)
  }

  /** Resolves when something came since the last call, or `signal` aborts. */
  async next(signal: AbortSignal): Promise<void> {
    if (!this.#isThere && !signal.aborted) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
        signal.addEventListener('abort', () => { resolve() }, { once: true })
      })
    }
    this.#isThere = false
  }
}

/** What is stored of a channel: all of it, the newest `limit`, or (at most `limit`) what is behind number `after`. */
async function* storedPosts(channel: Channel, after: number | undefined, limit: number | undefined): AsyncGenerator<ChannelPostShown> {
  if (after === undefined && limit !== undefined) {
    yield* await channel.posts({ limit })
    return
  }
  let last = after ?? 0
  for (let left = limit ?? Number.POSITIVE_INFINITY; left > 0;) {
    const page = await channel.posts({ after: last, limit: Math.min(left, PAGE_POSTS) })
    if (page.length === 0) return
    yield* page
    last = page.at(-1)?.seq ?? last
    left -= page.length
  }
}

function printPost(context: Context, client: Client, post: ChannelPostShown, name: string, isNamed = false): Promise<void> {
  const place = { own: post.by === client.account, ...(isNamed ? { name } : {}) }
  return context.output.result(postObject(post, name), postText(post, place, context.output, Date.now()))
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms).unref()
  })
}
