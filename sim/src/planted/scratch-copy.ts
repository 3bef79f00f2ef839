import { applyPatch } from 'diff'
import { existsSync } from 'node:fs'
import { cp, mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import ts from 'typescript'
import type { PatchedFile } from './planted-patch.js'

/** What the simulator is made of, as folders of the repository. */
const WORKSPACES = ['protocol', 'platform', 'auth', 'engine', 'wallet-bridge', 'clients/sdk', 'sim'] as const

/** As in tsconfig.base.json; `nodenext` means ES modules here, since every package says `"type": "module"`. */
const COMPILER_OPTIONS: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2023, module: ts.ModuleKind.ESNext, verbatimModuleSyntax: true, isolatedModules: true,
}

/** What a build makes for others than Node. */
const NOT_RUN = /\.(?:d\.ts|map|tsbuildinfo)$/

/**
 * Copies the compiled simulator and all that it tests from `root` to `folder`, which must be below the `node_modules` of `root`, so that
 * packages are found. The copies see each other, not the originals. The entry is `sim/dist/main.js` in it.
 */
export async function makeScratchCopy(root: string, folder: string): Promise<void> {
  await mkdir(join(folder, 'node_modules', '@evegram'), { recursive: true })
  for (const workspace of WORKSPACES) {
    const copy = join(folder, workspace)
    await mkdir(copy, { recursive: true })
    const manifest = await readFile(join(root, workspace, 'package.json'), 'utf8')
    await writeFile(join(copy, 'package.json'), manifest)
    await cp(join(root, workspace, 'dist'), join(copy, 'dist'), { recursive: true, filter: (path) => !NOT_RUN.test(path) })
    const packages = join(root, workspace, 'node_modules')
    if (existsSync(packages)) await symlink(packages, join(copy, 'node_modules'), 'junction')
    const { name } = JSON.parse(manifest) as { readonly name: string }
    await symlink(copy, join(folder, 'node_modules', name), 'junction')
  }
}

/** Applies the changes to the sources of `root` and compiles the result into the scratch copy. Throws an `Error` that names what does not fit. */
export async function plant(root: string, folder: string, files: readonly PatchedFile[]): Promise<void> {
  for (const { path, patch } of files) {
    const place = placeOf(path)
    if (place === undefined || !existsSync(join(root, path)) || !existsSync(join(folder, place))) {
      throw new Error(`${path} is not a source of what is simulated`)
    }
    const before = await readFile(join(root, path), 'utf8')
    const after = applyPatch(before, patch, { fuzzFactor: 0 })
    if (after === false) throw new Error(`it does not apply to ${path} any more`)
    const compiled = compile(path, after)
    if (compiled === compile(path, before)) throw new Error(`it changes no code of ${path}`)
    await mkdir(dirname(join(folder, place)), { recursive: true })
    await writeFile(join(folder, place), compiled)
  }
}

/** Where the compiled file lies: `engine/src/core/send.ts` is `engine/dist/core/send.js`. */
function placeOf(path: string): string | undefined {
  const workspace = WORKSPACES.find((name) => path.startsWith(`${name}/src/`))
  if (workspace === undefined || !path.endsWith('.ts')) return undefined
  return `${workspace}/dist/${path.slice(`${workspace}/src/`.length, -'.ts'.length)}.js`
}

function compile(path: string, source: string): string {
  const { outputText, diagnostics = [] } = ts.transpileModule(source, { compilerOptions: COMPILER_OPTIONS, fileName: path, reportDiagnostics: true })
  const [first] = diagnostics
  if (first !== undefined) throw new Error(`${path} does not compile with it: ${ts.flattenDiagnosticMessageText(first.messageText, ' ')}`)
  return outputText
}
