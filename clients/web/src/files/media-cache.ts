/** A file that can be shown, as it was fetched. */
export interface FetchedMedia {
  readonly blob: Blob
}

/** Something that uses a file; `close` it when it is not looked at any more. */
export interface MediaLease {
  /** The address of the content in this page, or undefined when it cannot be shown. Rejects as fetching does, or when nobody uses it any more. */
  readonly url: Promise<string | undefined>
  readonly close: () => void
}

/** What {@link MediaCache} works with. */
export interface MediaCachePorts {
  readonly makeUrl: (blob: Blob) => string
  readonly revokeUrl: (url: string) => void
}

/** Bounds of {@link MediaCache}. */
export interface MediaCacheLimits {
  /** Bytes of files that nobody looks at; the ones used longest ago go first. */
  readonly idleBytesMax: number
  /** Files that are remembered, those included that turned out not to be shown. */
  readonly idleFilesMax: number
  /** Files that are fetched at a time; others wait. */
  readonly loadsMax: number
}

/** Bounds that let people scroll back through what they saw, on a phone too. */
export const MEDIA_LIMITS: MediaCacheLimits = { idleBytesMax: 48 * 1_048_576, idleFilesMax: 200, loadsMax: 3 }

interface Entry {
  users: number
  readonly abort: AbortController
  readonly url: Promise<string | undefined>
  /** Once it is there. */
  ready: { readonly url: string; readonly bytes: number } | undefined
}

/** Files that are shown in place, each fetched once however often it is shown, and let go when too much is kept that nobody looks at. */
export class MediaCache {
  readonly #ports: MediaCachePorts
  readonly #limits: MediaCacheLimits
  /** The one that was used last is last. */
  readonly #entries = new Map<string, Entry>()
  readonly #waiting: (() => void)[] = []
  #loads = 0

  constructor(ports: MediaCachePorts, limits: MediaCacheLimits = MEDIA_LIMITS) {
    this.#ports = ports
    this.#limits = limits
  }

  /** Bytes that are kept and that nobody looks at. */
  get idleBytes(): number {
    let sum = 0
    for (const { users, ready } of this.#entries.values()) if (users === 0) sum += ready?.bytes ?? 0
    return sum
  }

  /** Uses the file `key`. `load` fetches it where it is not here: undefined when its content cannot be shown. It is aborted when nobody waits any more. */
  open(key: string, load: (signal: AbortSignal) => Promise<FetchedMedia | undefined>): MediaLease {
    const entry = this.#entries.get(key) ?? this.#begin(key, load)
    entry.users += 1
    this.#entries.delete(key)
    this.#entries.set(key, entry)
    let isOpen = true
    return {
      url: entry.url,
      close: () => {
        if (!isOpen) return
        isOpen = false
        entry.users -= 1
        if (entry.users > 0) return
        if (entry.ready === undefined) this.#forget(key, entry)
        else this.#shrink()
      },
    }
  }

  /** Lets go of all that nobody looks at. */
  clear(): void {
    for (const [key, entry] of this.#entries) if (entry.users === 0) this.#forget(key, entry)
  }

  #begin(key: string, load: (signal: AbortSignal) => Promise<FetchedMedia | undefined>): Entry {
    const abort = new AbortController()
    // In a turn of its own, when the entry is there.
    const entry: Entry = { users: 0, abort, ready: undefined, url: Promise.resolve().then(() => this.#turn(() => this.#load(entry, load))) }
    this.#entries.set(key, entry)
    // What failed is fetched again by the next who wants it; who waits now is told.
    entry.url.catch(() => { if (this.#entries.get(key) === entry) this.#entries.delete(key) })
    return entry
  }

  async #load(entry: Entry, load: (signal: AbortSignal) => Promise<FetchedMedia | undefined>): Promise<string | undefined> {
    entry.abort.signal.throwIfAborted()
    const media = await load(entry.abort.signal)
    entry.abort.signal.throwIfAborted()
    if (media === undefined) {
      entry.ready = { url: '', bytes: 0 }
      return undefined
    }
    const url = this.#ports.makeUrl(media.blob)
    entry.ready = { url, bytes: media.blob.size }
    return url
  }

  async #turn<Value>(work: () => Promise<Value>): Promise<Value> {
    if (this.#loads >= this.#limits.loadsMax) await new Promise<void>((resolve) => { this.#waiting.push(resolve) })
    else this.#loads += 1
    try {
      return await work()
    } finally {
      // Whoever waits takes the place over.
      const next = this.#waiting.shift()
      if (next === undefined) this.#loads -= 1
      else next()
    }
  }

  #shrink(): void {
    let surplusBytes = this.idleBytes - this.#limits.idleBytesMax
    let surplusFiles = this.#entries.size - this.#limits.idleFilesMax
    for (const [key, entry] of this.#entries) {
      if (surplusBytes <= 0 && surplusFiles <= 0) return
      if (entry.users > 0 || entry.ready === undefined) continue
      surplusBytes -= entry.ready.bytes
      surplusFiles -= 1
      this.#forget(key, entry)
    }
  }

  #forget(key: string, entry: Entry): void {
    this.#entries.delete(key)
    entry.abort.abort()
    if (entry.ready !== undefined && entry.ready.url !== '') this.#ports.revokeUrl(entry.ready.url)
  }
}
