// Runs a bundle with the globals that a page has and none of Node's, and says on stdout what became of a first login without network.
import { readFileSync, writeSync } from 'node:fs'
import { runInThisContext } from 'node:vm'

const code = readFileSync(process.argv[2], 'utf8')
const say = (line) => writeSync(1, `${line}\n`)
const { exit } = process
for (const name of ['process', 'Buffer', 'global', 'setImmediate', 'clearImmediate', 'require', 'module']) delete globalThis[name]
globalThis.window = globalThis
globalThis.self = globalThis

try {
  runInThisContext(code)
  const { createClient, createLocalWallet, MemoryStore, webSystem } = globalThis.evegram
  const wallet = createLocalWallet('solana', new Uint8Array(32).fill(7))
  const system = { ...webSystem(), fetch: () => Promise.reject(new TypeError('Failed to fetch')) }
  // The encryption library is loaded, repaired and self-tested before the server is looked for.
  await createClient({ url: 'https://chat.example', wallet, store: new MemoryStore(), system }).then(
    () => say('connected'),
    (error) => say(error.code ?? `${error.name}: ${error.stack}`),
  )
  exit(0)
} catch (error) {
  say(`${error.name}: ${error.stack}`)
  exit(1)
}
