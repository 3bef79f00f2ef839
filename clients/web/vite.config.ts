import { fileURLToPath } from 'node:url'
import { pageManifest } from '@evegram/tools/page-manifest'
import { defineConfig } from 'vite'
import { noWasm } from './build/no-wasm.js'
import { precache, WORKER_FILE } from './build/precache.js'
import { en } from './src/i18n/en.js'
import { es } from './src/i18n/es.js'

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url))

const pushTexts = Object.fromEntries(Object.entries({ en, es }).map(([language, texts]) => [language, { title: texts['app.name'], body: texts['push.body'] }]))

// Names of scripts and styles hold a hash of what is in them; the service worker has one name for ever, as browsers know it by that.
export default defineConfig({
  root: here('.'),
  base: '/',
  logLevel: 'warn',
  plugins: [noWasm(), precache(here('public'), pushTexts), pageManifest()],
  build: {
    outDir: 'dist/page', emptyOutDir: true, target: 'es2022', reportCompressedSize: false, modulePreload: { polyfill: false },
    rolldownOptions: {
      input: { index: here('index.html'), sw: here('src/service-worker.ts') },
      output: { entryFileNames: ({ name }) => (name === 'sw' ? WORKER_FILE : 'assets/[name]-[hash].js') },
    },
  },
})
