import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Plugin } from 'vite'

/** Name of the service worker among the built files. */
export const WORKER_FILE = 'sw.js'

/**
 * Tells the service worker which files the page has, and by its version that they are others than before. `publicDir`: files that are copied as they are; `texts`: what it says, by language. It
 * is one file without imports: not every browser lets a service worker have some.
 */
export function precache(publicDir: string, texts: object): Plugin {
  return {
    name: 'evegram-precache',
    apply: 'build',
    enforce: 'post',
    generateBundle(_options, bundle) {
      const hash = createHash('sha256')
      const files = ['/']
      for (const [name, output] of Object.entries(bundle).sort(([left], [right]) => (left < right ? -1 : 1))) {
        if (name === WORKER_FILE || name.endsWith('.map')) continue
        hash.update(`${name}\0`).update(output.type === 'chunk' ? output.code : output.source)
        if (name !== 'index.html') files.push(`/${name}`)
      }
      for (const name of readdirSync(publicDir).sort()) {
        hash.update(`${name}\0`).update(readFileSync(join(publicDir, name)))
        files.push(`/${name}`)
      }
      const worker = bundle[WORKER_FILE]
      if (worker?.type !== 'chunk' || worker.imports.length > 0 || !/["'`]__PRECACHE__["'`]/.test(worker.code)) throw new Error(`${WORKER_FILE} has no place for the files of the page`)
      worker.code = worker.code.replace(/["'`]__PRECACHE__["'`]/, JSON.stringify({ version: hash.update(JSON.stringify(texts)).digest('hex').slice(0, 16), files, texts }))
    },
  }
}
