import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const root = fileURLToPath(new URL('../../', import.meta.url))
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { readonly scripts: Readonly<Record<string, string>> }
const markdown = ['.', 'docs', 'docs/adr'].flatMap((folder) =>
  readdirSync(join(root, folder)).filter((name) => name.endsWith('.md')).map((name) => join(folder, name)))

describe('the documents', () => {
  it.each(markdown)('%s links only to what is there', (file) => {
    const text = readFileSync(join(root, file), 'utf8')
    for (const [, target = ''] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^(https?:|mailto:|#)/.test(target)) continue
      expect(existsSync(join(root, dirname(file), target.replace(/#.*$/, ''))), target).toBe(true)
    }
  })

  it.each(markdown)('%s names only npm scripts and environment variables that there are', (file) => {
    const text = readFileSync(join(root, file), 'utf8')
    for (const [, script = ''] of text.matchAll(/npm run ([a-z][\w:-]*)/g)) expect(Object.keys(manifest.scripts)).toContain(script)
    const known = sources().flatMap((source) => source.match(/EVEGRAM_[A-Z_]*[A-Z]/g) ?? [])
    for (const variable of text.match(/EVEGRAM_[A-Z_]*[A-Z]/g) ?? []) expect(known).toContain(variable)
  })
})

let read: string[] | undefined

/** The files that read the environment, or give it. */
function sources(): string[] {
  read ??= [
    'platform/src/cluster-settings.ts', 'auth/src/process-config.ts', 'engine/src/config.ts', 'engine/src/process-config.ts', 'engine/src/push-settings.ts', 'wallet-bridge/src/process-config.ts', 'wallet-bridge/src/main.ts', 'standalone/src/config.ts', 'blobs/src/config.ts', 'blobs/src/process-config.ts', 'platform/src/testing/services.ts', 'clients/cli/src/context.ts',
    'tools/start.mjs', 'tools/chromium.mjs', 'tools/cluster/plan.mjs', 'tools/services/cache.mjs', 'tools/services/preflight.mjs', 'tools/services/up.mjs', 'compose.yaml',
  ].map((path) => readFileSync(join(root, path), 'utf8'))
  return read
}
