import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'
import { build } from 'vite'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url))
/** The page library may grow; that it doubles is to be noticed. */
const GZIP_BYTES_MAX = 400_000

/** Builds the fixture as an application does with Vite, on the sources of the workspaces. */
async function bundle(): Promise<{ code: string; modules: string[]; builtins: { name: string; importer: string }[]; imports: string[] }> {
  const builtins: { name: string; importer: string }[] = []
  const result = await build({
    configFile: false, root: here('../test-bundle'), logLevel: 'silent',
    plugins: [{
      name: 'note-builtins', enforce: 'pre',
      resolveId(source, importer) {
        if (isBuiltin(source)) builtins.push({ name: source, importer: importer ?? '' })
        // Resolved as without this plugin.
        return null
      },
    }],
    resolve: {
      alias: [
        { find: '@evegram/protocol/proof', replacement: here('../../../protocol/src/proof/index.ts') },
        { find: '@evegram/protocol', replacement: here('../../../protocol/src/index.ts') },
        { find: '@evegram/sdk', replacement: here('./index.ts') },
      ],
    },
    build: {
      write: false, minify: true, target: 'es2022', reportCompressedSize: false,
      lib: { entry: here('../test-bundle/main.mjs'), formats: ['iife'], name: 'page' },
    },
  })
  const outputs = (Array.isArray(result) ? result : [result]).flatMap((part) => ('output' in part ? part.output : []))
  const chunks = outputs.flatMap((output) => (output.type === 'chunk' ? [output] : []))
  return {
    code: chunks.map(({ code }) => code).join('\n'), modules: chunks.flatMap(({ moduleIds }) => moduleIds), builtins,
    // What the file imports dynamically of itself was put inline.
    imports: chunks.flatMap(({ fileName, imports, dynamicImports }) => [...imports, ...dynamicImports].filter((name) => name !== fileName)),
  }
}

describe('the SDK in a Vite application', () => {
  let built: Awaited<ReturnType<typeof bundle>>
  let folder: string
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'evegram-bundle-'))
    built = await bundle()
  }, 60_000)
  afterAll(() => { rmSync(folder, { recursive: true, force: true }) })

  it('is one file that imports nothing', () => {
    expect(built.imports).toEqual([])
    // Methods may be named so; what loads something names it by a string.
    expect(built.code).not.toMatch(/(?<!\.)\bimport\s*\(\s*["'`]/)
    expect(built.code).not.toMatch(/["'`]node:/)
  })

  it('holds no module of Node and none of the Node entry', () => {
    const foreign = built.modules.filter((id) => /node_modules\/(libsql|@libsql|ws)\/|\/src\/(node|store\/sqlite|store\/profile-lock)/.test(id) || id.startsWith('node:'))
    expect(foreign).toEqual([])
    expect(built.modules.filter((id) => /clients\/sdk\/src\//.test(id)).length).toBeGreaterThan(30)
  })

  it('asks for no module of Node but path and fs of the curve library and crypto of tweetnacl, which the page gets empty', () => {
    expect(built.builtins.filter(({ importer }) => !/curve25519-typescript|tweetnacl/.test(importer))).toEqual([])
    expect(new Set(built.builtins.map(({ name }) => name))).toEqual(new Set(['crypto', 'fs', 'path']))
    const empty = built.modules.filter((id) => id.includes('browser-external'))
    expect(empty.map((id) => id.split(':').at(-1)).sort()).toEqual(['__vite-browser-external', 'fs', 'path'])
  })

  it('runs where only the globals of a page exist: the encryption passes its self-test', async () => {
    const file = join(folder, 'page.js')
    writeFileSync(file, built.code)
    const { stdout } = await promisify(execFile)(process.execPath, [here('../test-bundle/run-as-page.mjs'), file], { timeout: 25_000 })
    expect(stdout.trim()).toBe('unavailable.server')
  })

  it('stays below its size', () => {
    expect(gzipSync(built.code).length).toBeLessThan(GZIP_BYTES_MAX)
  })
})
