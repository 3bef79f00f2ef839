#!/usr/bin/env node
// No GPL or AGPL package may be reachable from an Apache-2.0 workspace: it would change the licence of what we ship there.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const COPYLEFT = /\b(A?GPL)\b/

/** Path of the package that `name` means when required from `from`, as npm's lockfile writes it, or undefined. */
function locate(packages, from, name) {
  for (let folder = from; ; folder = folder.slice(0, Math.max(0, folder.lastIndexOf('node_modules/') - 1))) {
    const path = `${folder === '' ? '' : `${folder}/`}node_modules/${name}`
    if (packages[path] !== undefined) return packages[path].link === true ? packages[path].resolved : path
    if (folder === '') return undefined
    if (!folder.includes('node_modules/')) folder = ''
  }
}

/** The forbidden packages that each Apache-2.0 workspace of a lockfile reaches at run time, as sentences; empty when all is well. */
export function findLicenceBreaches(lock) {
  const { packages } = lock
  const breaches = []
  const workspaces = Object.keys(packages).filter((path) => path !== '' && !path.includes('node_modules/'))
  for (const workspace of workspaces) {
    if (packages[workspace].license === undefined) breaches.push(`${workspace} has no license field in its package.json`)
    if (packages[workspace].license !== 'Apache-2.0') continue
    const seen = new Set()
    const queue = [[workspace, [workspace]]]
    while (queue.length > 0) {
      const [path, trail] = queue.pop()
      if (seen.has(path)) continue
      seen.add(path)
      const entry = packages[path]
      if (COPYLEFT.test(entry.license ?? '') && !/\bOR\b/.test(entry.license ?? '')) {
        breaches.push(`${workspace} (Apache-2.0) reaches ${entry.license}: ${trail.join(' > ')}`)
        continue
      }
      for (const name of Object.keys({ ...entry.dependencies, ...entry.optionalDependencies })) {
        const next = locate(packages, path, name)
        if (next !== undefined) queue.push([next, [...trail, name]])
      }
    }
  }
  return breaches
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const lock = JSON.parse(readFileSync(join(fileURLToPath(new URL('..', import.meta.url)), 'package-lock.json'), 'utf8'))
  const breaches = findLicenceBreaches(lock)
  for (const breach of breaches) console.error(breach)
  console.error(breaches.length === 0 ? 'licences: no GPL or AGPL package enters an Apache-2.0 workspace' : `licences: ${breaches.length} breaches`)
  process.exit(breaches.length === 0 ? 0 : 1)
}
