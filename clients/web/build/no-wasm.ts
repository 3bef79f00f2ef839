import type { Plugin } from 'vite'

/**
 * The policy of the page lets nothing be compiled at run time. `long`, which the code of Signal's messages brings, tries WebAssembly first and goes on without it: it is told at once that there is
 * none, so that no browser has a refusal to report.
 */
export function noWasm(): Plugin {
  return {
    name: 'evegram-no-wasm',
    enforce: 'pre',
    transform(code, id) {
      if (!/\/node_modules\/long\//.test(id)) return undefined
      return { code: `var WebAssembly = undefined;\n${code}`, map: null }
    },
  }
}
