import { createHash } from 'node:crypto'
import { EvegramError } from '@evegram/protocol'

/** The file of a page that lists its files with their hashes. */
export const PAGE_MANIFEST_FILE = 'evegram-page.json'

/** Bounds of a page, units last. */
export const PAGE_LIMITS = { manifestBytesMax: 1_048_576, filesMax: 2_000, fileBytesMax: 33_554_432, pageBytesMax: 268_435_456, answerMsMax: 30_000 } as const

/** One file of a page. */
export interface PageFile {
  readonly path: string
  readonly bytes: number
  readonly sha256: string
}

/** The hashes of a page; `bundle` is the SHA-256 of what `sha256sum` prints for its files, sorted by name. */
export interface PageManifest {
  readonly bundle: string
  readonly files: readonly PageFile[]
}

/** What is wrong with a served page. */
export interface PageFault {
  readonly path: string
  /** `changed`: other bytes than the manifest says. `missing`: not served. `unlisted`: the page loads it, and no manifest lists it. */
  readonly fault: 'changed' | 'missing' | 'unlisted'
}

/** Gets `path` of the page, or undefined where the server has none; of what is longer than `bytesMax` only a part. */
export type FetchFile = (path: string, bytesMax: number) => Promise<Uint8Array | undefined>

const HASH = /^[0-9a-f]{64}$/
/** Relative, without steps upwards, queries, schemes, or characters that a URL reads otherwise. */
const PATH = /^(?!\/)(?!.*(^|\/)\.\.?(\/|$))[A-Za-z0-9_@.~/-]{1,255}$/

/** The manifest in `text`. Throws `web.page_differs` for one that is none: a page without one cannot be checked. */
export function parseManifest(text: string): PageManifest {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return refuse('not JSON')
  }
  if (typeof value !== 'object' || value === null) return refuse('not an object')
  const { version, bundle, files }: { readonly version?: unknown; readonly bundle?: unknown; readonly files?: unknown } = value
  if (version !== 1) return refuse('version')
  if (typeof bundle !== 'string' || !HASH.test(bundle)) return refuse('bundle')
  if (!Array.isArray(files) || files.length === 0 || files.length > PAGE_LIMITS.filesMax) return refuse('files')
  const parsed = files.map(parseFile)
  if (new Set(parsed.map(({ path }) => path)).size !== parsed.length) return refuse('a path comes twice')
  if (parsed.reduce((sum, { bytes }) => sum + bytes, 0) > PAGE_LIMITS.pageBytesMax) return refuse('too large')
  if (bundleHash(parsed) !== bundle) return refuse('the bundle hash is not that of its files')
  return { bundle, files: parsed }
}

function parseFile(value: unknown): PageFile {
  const { path, bytes, sha256 }: { readonly path?: unknown; readonly bytes?: unknown; readonly sha256?: unknown } = typeof value === 'object' && value !== null ? value : {}
  if (typeof path !== 'string' || !PATH.test(path)) return refuse('path')
  if (typeof bytes !== 'number' || !Number.isInteger(bytes) || bytes < 0 || bytes > PAGE_LIMITS.fileBytesMax) return refuse('bytes')
  if (typeof sha256 !== 'string' || !HASH.test(sha256)) return refuse('sha256')
  return { path, bytes, sha256 }
}

function refuse(fault: string): never {
  throw new EvegramError('web.page_differs', { operation: 'read page manifest', details: { fault }, advice: `The page has no manifest that can be read (${fault}): it cannot be checked.` })
}

/** The bundle hash of files: the same whoever computes it, `find . -type f | sort | xargs sha256sum | sha256sum` too. */
export function bundleHash(files: readonly PageFile[]): string {
  const sorted = [...files].sort((left, right) => (left.path < right.path ? -1 : 1))
  return sha256(new TextEncoder().encode(sorted.map((file) => `${file.sha256}  ${file.path}\n`).join('')))
}

/** Fetches every file of `manifest` and what its documents load, and says what is wrong. `told` hears of each file that was looked at. */
export async function checkPage(manifest: PageManifest, fetchFile: FetchFile, told: (path: string) => void): Promise<readonly PageFault[]> {
  const faults: PageFault[] = []
  const listed = new Set(manifest.files.map(({ path }) => path))
  // What people open is the root, whatever a server gives under the name of the document.
  for (const { path, bytes, sha256: expected } of [...manifest.files, ...manifest.files.filter(({ path }) => path === 'index.html').map((file) => ({ ...file, path: '' }))]) {
    told(path === '' ? '/' : path)
    const content = await fetchFile(path, bytes)
    if (content === undefined) faults.push({ path, fault: 'missing' })
    else if (sha256(content) !== expected) faults.push({ path, fault: 'changed' })
    else if (path.endsWith('.html')) for (const loaded of loadedBy(new TextDecoder().decode(content), path)) if (!listed.has(loaded)) faults.push({ path: loaded, fault: 'unlisted' })
  }
  if (!listed.has('index.html')) faults.push({ path: 'index.html', fault: 'unlisted' })
  return faults
}

/** What a document loads by its tags, as paths of the page; addresses elsewhere as they are written. */
function loadedBy(html: string, document: string): string[] {
  const base = new URL(document, 'http://page.invalid/')
  return [...html.matchAll(/<(?:script|link|img|iframe)\b[^>]*?\b(?:src|href)\s*=\s*["']?([^"'\s>]+)/gi)].flatMap(([, target = '']) => {
    const url = new URL(target, base)
    if (url.protocol === 'data:') return []
    return [url.host === base.host ? decodeURIComponent(url.pathname.slice(1)) : target]
  })
}

function sha256(content: Uint8Array): string {
  return createHash('sha256').update(content).digest('hex')
}

/** Fetches files below `url`, without following redirects: an answer from elsewhere is none. Throws `unavailable.server`. */
export function pageFetcher(url: string): FetchFile {
  const base = url.endsWith('/') ? url : `${url}/`
  return async (path, bytesMax) => {
    let response: Response
    try {
      response = await fetch(new URL(path, base), { redirect: 'error', signal: AbortSignal.timeout(PAGE_LIMITS.answerMsMax), headers: { accept: 'text/html,*/*', 'cache-control': 'no-cache' } })
      if (response.status === 404) return undefined
      if (!response.ok || response.body === null) throw new EvegramError('unavailable.server', { operation: 'fetch page', details: { status: response.status, path } })
      return await readBounded(response.body, bytesMax)
    } catch (cause) {
      if (cause instanceof EvegramError) throw cause
      throw new EvegramError('unavailable.server', { operation: 'fetch page', details: { path }, cause })
    }
  }
}

/** The body, or so much of it that it is longer than it may be: its hash is another one then. */
async function readBounded(body: ReadableStream<Uint8Array>, bytesMax: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of body) {
    length += chunk.length
    chunks.push(chunk)
    if (length > bytesMax) break
  }
  return Buffer.concat(chunks)
}
