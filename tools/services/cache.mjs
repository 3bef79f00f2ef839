// Downloads and builds, kept outside the clone by what they are made of. Never required: an empty, broken or unwritable cache only costs time.
import { createHash, randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join, relative } from 'node:path'
import { withFileLock } from './file-lock.mjs'

/** The list of files and hashes that makes an entry whole. */
const MANIFEST = 'manifest.json'
/** Longer than anything that is made here may take. */
const BUILD_MS_MAX = 1_500_000

/** Where the cache is: EVEGRAM_CACHE_DIR, else evegram in the user's cache folder. */
export function cacheDir(environment = process.env) {
  const named = environment['EVEGRAM_CACHE_DIR']
  if (named !== undefined && named !== '') return named
  const base = environment['XDG_CACHE_HOME']
  return join(base !== undefined && base !== '' ? base : join(homedir(), '.cache'), 'evegram')
}

/** The name of an entry: what it is and a hash of everything that decides its content. */
export function entryName(what, ...inputs) {
  const hash = createHash('sha256')
  for (const input of inputs) hash.update(`${String(input).length}:${input}`)
  return `${what}-${hash.digest('hex').slice(0, 16)}`
}

/** Whether the entry `name` is whole: every file as it was when it was made. */
export function isWhole(dir, name) {
  const entry = join(dir, name)
  try {
    const { files } = JSON.parse(readFileSync(join(entry, MANIFEST), 'utf8'))
    const expected = Object.keys(files)
    return expected.length > 0 && expected.every((file) => hashOf(join(entry, file)) === files[file])
  } catch {
    // Not there, or not readable: either way it is not used.
    return false
  }
}

/**
 * The folder of the entry `name` in `dir`, made by `make(folder)` when there is none that is whole. It is made aside and renamed, one maker at a
 * time on this machine, so that a half-made one never has the name.
 */
export async function cached(dir, name, make, say = () => {}) {
  if (isWhole(dir, name)) return join(dir, name)
  const onWait = (holder) => say(`${name} is being made by process ${holder}; waiting`)
  return withFileLock(join(dir, `${name}.lock`), { waitMs: BUILD_MS_MAX, whatFor: `making ${name}`, onWait }, async () => {
    if (isWhole(dir, name)) return join(dir, name)
    if (existsSync(join(dir, name))) say(`${name} in the cache is not whole; making it again`)
    // Of makers that were killed: only the holder of the lock makes this entry.
    for (const left of readdirSync(dir).filter((other) => other.startsWith(`${name}.`) && other.endsWith('.part'))) rmSync(join(dir, left), { recursive: true, force: true })
    const aside = join(dir, `${name}.${randomBytes(6).toString('hex')}.part`)
    mkdirSync(aside, { recursive: true })
    try {
      await make(aside)
      const files = Object.fromEntries(filesIn(aside).map((file) => [relative(aside, file), hashOf(file)]))
      if (Object.keys(files).length === 0) throw new Error(`making ${name} left no file`)
      writeFileSync(join(aside, MANIFEST), JSON.stringify({ files }, undefined, 1))
      rmSync(join(dir, name), { recursive: true, force: true })
      renameSync(aside, join(dir, name))
    } finally {
      rmSync(aside, { recursive: true, force: true })
    }
    return join(dir, name)
  })
}

function filesIn(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name)
    return entry.isDirectory() ? filesIn(path) : [path]
  })
}

function hashOf(file) {
  return createHash('sha256').update(readFileSync(file)).digest('hex')
}
