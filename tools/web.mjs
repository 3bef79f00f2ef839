#!/usr/bin/env node
// `npm run web:build`: the page, as files for a web server. Built again only when what it is made of changed.
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build, install, requireNode, root, run } from './prepare.mjs'

/** Where the built page is: what EVEGRAM_WEB_DIR of the server names. */
export const PAGE_DIR = join(root, 'clients', 'web', 'dist', 'page')
/** Beside the page, not in it: what it was built of. */
const STAMP = join(root, 'clients', 'web', 'dist', 'page-of')
const WEB = join(root, 'clients', 'web')

/** Builds the page, unless it was built of exactly what there is. What it imports was compiled before. */
export async function buildPage(say = console.error) {
  const wanted = hashOfSources()
  if (existsSync(join(PAGE_DIR, 'index.html')) && existsSync(STAMP) && readFileSync(STAMP, 'utf8') === wanted) return
  say('Building the page …')
  await run(process.execPath, [join(root, 'node_modules', 'vite', 'bin', 'vite.js'), 'build', '--config', join(WEB, 'vite.config.ts')], { quiet: true })
  writeFileSync(STAMP, wanted)
}

/** SHA-256 over everything that the page is made of: its own files, the compiled SDK and protocol, and the versions of all packages. */
function hashOfSources() {
  const hash = createHash('sha256').update(readFileSync(join(root, 'package-lock.json')))
  const folders = [join(WEB, 'src'), join(WEB, 'public'), join(WEB, 'build'), join(root, 'clients', 'sdk', 'dist'), join(root, 'protocol', 'dist')].filter(existsSync)
  const files = folders.flatMap((folder) => readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name)))
  for (const file of [join(WEB, 'index.html'), join(WEB, 'vite.config.ts'), ...files.sort()]) {
    if (/\.(d\.ts|map|tsbuildinfo|test\.ts)$/.test(file)) continue
    hash.update(`${relative(root, file)}\0`).update(createHash('sha256').update(readFileSync(file)).digest())
  }
  return hash.digest('hex')
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  if (process.argv.includes('--help') || process.argv.includes('-h')) {
    console.log(`npm run web:build

Builds the page of Evegram into clients/web/dist/page: files for the server of this repository (EVEGRAM_WEB_DIR) or for a web server of your own.
npm start does this by itself.`)
  } else {
    requireNode()
    await install()
    await build(console.error, ['clients/web'])
    await buildPage()
    console.log(relative(process.cwd(), PAGE_DIR) || '.')
  }
}
