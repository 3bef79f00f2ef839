#!/usr/bin/env node
// The hashes of a built page: what a release publishes, and `evegram verify-web` compares with what a server serves.
// `node tools/page-manifest.mjs <folder>` writes them into the folder and prints the bundle hash; builds use the plugin.
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, relative, resolve, sep } from 'node:path'
import { pathToFileURL } from 'node:url'

/** The file that holds them, in the folder of the page. It is not among the files that it lists. */
export const MANIFEST_FILE = 'evegram-page.json'
const VERSION = 1

/** What `sha256sum` prints for the files, sorted by name: its SHA-256 is the bundle hash. */
export function bundleText(files) {
  return [...files].sort((left, right) => (left.path < right.path ? -1 : 1)).map(({ path, sha256 }) => `${sha256}  ${path}\n`).join('')
}

/** The hashes of every file below `folder`: `{version, bundle, files: [{path, bytes, sha256}]}`, paths with `/`, sorted. */
export function manifestOf(folder) {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .map((path) => ({ path: relative(folder, path).split(sep).join('/'), content: readFileSync(path) }))
    .filter(({ path }) => path !== MANIFEST_FILE)
    .map(({ path, content }) => ({ path, bytes: content.length, sha256: createHash('sha256').update(content).digest('hex') }))
    .sort((left, right) => (left.path < right.path ? -1 : 1))
  return { version: VERSION, bundle: createHash('sha256').update(bundleText(files)).digest('hex'), files }
}

/** Writes the manifest of `folder` into it and returns it. */
export function writeManifest(folder) {
  const manifest = manifestOf(folder)
  writeFileSync(join(folder, MANIFEST_FILE), `${JSON.stringify(manifest, undefined, 2)}\n`)
  return manifest
}

/** Vite plugin: writes the manifest when a build is complete. Put it last. */
export function pageManifest() {
  let folder = ''
  return {
    name: 'evegram-page-manifest',
    apply: 'build',
    enforce: 'post',
    configResolved(config) {
      folder = resolve(config.root, config.build.outDir)
    },
    closeBundle: { order: 'post', sequential: true, handler() { writeManifest(folder) } },
  }
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const [folder] = process.argv.slice(2)
  if (folder === undefined || folder.startsWith('-')) {
    console.error('usage: node tools/page-manifest.mjs <folder of a built page>')
    process.exit(2)
  }
  console.log(writeManifest(folder).bundle)
}
