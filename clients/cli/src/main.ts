import { readFileSync } from 'node:fs'
import { CommanderError } from 'commander'
import { EXIT_CODES } from './exit-codes.js'
import { buildProgram } from './program.js'

/** Time for sockets and timers to end by themselves once a command is done; then the process ends all the same. */
const LINGER_MS = 2_000

const manifest = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { readonly version: string }
// A reader that went away (`evegram listen | head`) is no failure of ours.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0)
  throw error
})
try {
  await buildProgram({ version: manifest.version, environment: process.env, json: process.argv.includes('--json') }).parseAsync()
} catch (error) {
  // commander has told what is wrong; asking for help or the version is no failure.
  if (!(error instanceof CommanderError)) throw error
  process.exitCode = error.exitCode === 0 ? EXIT_CODES.ok[0] : EXIT_CODES.usage[0]
}
setTimeout(() => process.exit(), LINGER_MS).unref()
