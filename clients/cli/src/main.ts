import { readFileSync } from 'node:fs'
import { buildProgram } from './program.js'

const manifest = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { readonly version: string }
// A reader that went away (`evegram listen | head`) is no failure of ours.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0)
  throw error
})
await buildProgram(manifest.version, process.env).parseAsync()
