import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { build } from 'vite'

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url))

/** A page of one script on loopback, where a browser keeps data for it. */
export interface PageServer {
  readonly url: string
  close(): Promise<void>
}

/** Bundles `entry` (a path) as an application does with Vite, on the sources of the workspaces; `vitest` is what runs contract suites in a page. */
export async function bundlePage(entry: string): Promise<ReadonlyMap<string, string>> {
  const result = await build({
    configFile: false, root: here('.'), logLevel: 'silent',
    resolve: {
      alias: [
        { find: '@evegram/protocol/proof', replacement: here('../../../../../protocol/src/proof/index.ts') },
        { find: '@evegram/protocol', replacement: here('../../../../../protocol/src/index.ts') },
        { find: '@evegram/sdk/browser', replacement: here('../../browser.ts') },
        { find: '@evegram/sdk', replacement: here('../../index.ts') },
        { find: 'vitest', replacement: here('./vitest-in-page.ts') },
      ],
    },
    build: { write: false, minify: false, target: 'es2022', rollupOptions: { input: entry, preserveEntrySignatures: 'strict', output: { entryFileNames: 'page.js' } }, modulePreload: false },
  })
  const outputs = (Array.isArray(result) ? result : [result]).flatMap((part) => ('output' in part ? part.output : []))
  return new Map(outputs.flatMap((output) => (output.type === 'chunk' ? [[`/${output.fileName}`, output.code]] : [])))
}

const DOCUMENTS = {
  /** Exports of the script are `window.page`. */
  module: '<script type="module">import * as page from "/page.js"; window.page = page</script>',
  classic: '<script defer src="/page.js"></script>',
} as const

/** Serves a bundle: every page is empty but for the script `/page.js`. */
export async function servePage(files: ReadonlyMap<string, string>, kind: keyof typeof DOCUMENTS = 'module'): Promise<PageServer> {
  const server = createServer((request, response) => {
    const script = files.get(new URL(request.url ?? '/', 'http://localhost').pathname)
    // A sandboxed frame has an origin of its own, which modules are not given to otherwise.
    response.setHeader('access-control-allow-origin', '*')
    response.setHeader('content-type', script === undefined ? 'text/html' : 'text/javascript')
    response.end(script ?? `<!doctype html><meta charset="utf-8"><title>test</title>${DOCUMENTS[kind]}`)
  })
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
  // A listening TCP server has an address with a port.
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${String(port)}/`,
    close: () => new Promise((resolve) => {
      server.close(() => { resolve() })
      server.closeAllConnections()
    }),
  }
}
