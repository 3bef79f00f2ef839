import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { extname, join, relative, sep } from 'node:path'
import { gzipSync } from 'node:zlib'
import { EvegramError } from '@evegram/protocol'

/** Bounds on a built page: it is held in memory. */
const FILES_MAX = 500
const BYTES_MAX = 32 * 1024 * 1024
/** Smaller files gain nothing by compression. */
const GZIP_BYTES_MIN = 1_024
/** Folder of files whose names hold a hash of what is in them. */
const HASHED_FOLDER = 'assets/'

/** Media types of everything that a page is built of; no other file is served. */
const MEDIA_TYPES: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8', '.html': 'text/html; charset=utf-8', '.js': 'text/javascript; charset=utf-8', '.json': 'application/json',
  '.png': 'image/png', '.svg': 'image/svg+xml', '.txt': 'text/plain; charset=utf-8', '.webmanifest': 'application/manifest+json',
}

/** A file of the page as it is served. */
export interface PageFile {
  /** From the root of the site, with `/` in front; `/` itself is the page. */
  readonly path: string
  readonly type: string
  readonly bytes: Buffer
  /** The same, smaller, where that is worth it. */
  readonly gzip: Buffer | undefined
  /** Of the bytes, as an ETag header has it. */
  readonly etag: string
  /** The name holds a hash of the bytes: browsers need never ask again. */
  readonly isImmutable: boolean
}

/**
 * Reads a built page from `folder`, once, at start: what is served cannot change under a running server. Throws `invalid.config` where there is no
 * `index.html`, or more than a page has.
 */
export function readPageFiles(folder: string): readonly PageFile[] {
  if (!existsSync(join(folder, 'index.html'))) {
    throw new EvegramError('invalid.config', { operation: 'read page', advice: `EVEGRAM_WEB_DIR names ${folder}, which holds no built page: npm run web:build makes one.` })
  }
  const paths = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => MEDIA_TYPES[extname(name)] !== undefined && statSync(join(folder, name)).isFile())
  if (paths.length > FILES_MAX) throw tooLarge(folder)
  let total = 0
  return paths.map((name) => {
    const bytes = readFileSync(join(folder, name))
    total += bytes.length
    if (total > BYTES_MAX) throw tooLarge(folder)
    const path = relative('.', name).split(sep).join('/')
    const type = MEDIA_TYPES[extname(name)] ?? ''
    const gzip = bytes.length < GZIP_BYTES_MIN || type === 'image/png' ? undefined : gzipSync(bytes, { level: 9 })
    return {
      path: path === 'index.html' ? '/' : `/${path}`, type, bytes, gzip,
      etag: `"${createHash('sha256').update(bytes).digest('base64url')}"`, isImmutable: path.startsWith(HASHED_FOLDER),
    }
  })
}

function tooLarge(folder: string): EvegramError {
  return new EvegramError('invalid.config', { operation: 'read page', advice: `EVEGRAM_WEB_DIR names ${folder}, which holds more than a page: give the folder that npm run web:build made.` })
}
