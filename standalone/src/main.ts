import { readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { keepObjectsYoung } from '@evegram/platform'
import { isEvegramError } from '@evegram/protocol'
import { backupData, restoreData } from './backup.js'
import { readStandaloneConfig, type StandaloneConfig } from './config.js'
import { startStandalone, type Standalone } from './standalone.js'

const USAGE = `node standalone/dist/main.js                    run the server
node standalone/dist/main.js backup --to <dir>   copy the data of EVEGRAM_DATA_DIR (also while the server runs)
node standalone/dist/main.js restore --from <dir>  put a backup back into an empty EVEGRAM_DATA_DIR
Settings are environment variables: docs/operations.md lists them.`
/** Demo wallets are for servers of this machine alone. */
const IN_BROWSER = 'Open it in a browser and choose a demo wallet; a second browser profile is the second person. Or'
/** "Cannot run like this": a supervisor must not try again. */
const EXIT_CANNOT_RUN = 2
/** Time for a server that is ending to be gone. */
const HANDOVER_MS = 4_000
const HANDOVER_LOOK_MS = 100
const CANNOT_RUN = new Set(['invalid.config', 'invalid.argument', 'conflict.data_in_use', 'incompatible.schema'])

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { readonly version: string }

async function serve(): Promise<void> {
  keepObjectsYoung()
  const config = readStandaloneConfig(process.env)
  const server = await startWhenFree(config)
  let stopping = false
  const stop = (): void => {
    if (stopping) return
    stopping = true
    server.stop().then(() => process.exit(0), fail)
  }
  process.on('SIGINT', stop)
  process.on('SIGTERM', stop)
  // The supervisor is gone: a server without it would hold ports and data that the next start needs.
  process.on('disconnect', stop)
  // It may have gone while this one started; without a supervisor `connected` is undefined.
  if (process.connected === false) stop()
  else process.send?.({ kind: 'listening', url: server.names.origin, ws: server.names.ws, admin: server.adminUrl, ports: server.ports })
  void server.walletBridge?.then((outcome) => {
    // Also where nothing else is printed: nobody would look for it.
    if (outcome.status === 'failed') console.error(`Evegram runs without its wallet bridge: ${reasonOf(outcome.failure)}`)
  })
  if (config.quiet) return
  console.log(`Evegram runs: ${server.names.origin}
  messages  ${server.names.ws} (${server.sockets})
  admin     ${server.adminUrl} (metrics, health)
  data      ${server.dataDir}
${config.webDir !== undefined && config.isLocal ? IN_BROWSER : 'Try it'} in two other terminals:
  npx evegram keys new --chain solana --out alice.json        npx evegram keys new --chain ton --out bob.json
  npx evegram login --wallet alice.json --profile ./alice     npx evegram login --wallet bob.json --profile ./bob
  npx evegram chat <Bob's address> --profile ./alice          npx evegram chat <Alice's address> --profile ./bob`)
}

/** Starts the server; a server that is just ending gets a moment to let go of the data folder and, before that, of its ports. */
async function startWhenFree(config: StandaloneConfig): Promise<Standalone> {
  const deadline = performance.now() + HANDOVER_MS
  for (;;) {
    try {
      return await startStandalone(config, version)
    } catch (error) {
      if (!isEvegramError(error, 'conflict.data_in_use') || performance.now() > deadline) throw error
    }
    await delay(HANDOVER_LOOK_MS)
  }
}

async function main(): Promise<void> {
  // Everything that this process writes (stores, logs, backups) is its owner's alone, whatever a driver asks for.
  process.umask(0o077)
  const { values, positionals } = parseArgs({
    allowPositionals: true, options: { to: { type: 'string' }, from: { type: 'string' }, help: { type: 'boolean', short: 'h' } },
  })
  const [command = 'serve'] = positionals
  if (values.help === true) {
    console.log(USAGE)
  } else if (command === 'serve') {
    await serve()
  } else if (command === 'backup' && values.to !== undefined) {
    const facts = await backupData(readStandaloneConfig(process.env).dataDir, values.to, Date.now())
    console.log(`backed up server ${facts.serverId} to ${values.to}`)
  } else if (command === 'restore' && values.from !== undefined) {
    const { dataDir } = readStandaloneConfig(process.env)
    const facts = await restoreData(values.from, dataDir)
    console.log(`restored server ${facts.serverId} (backup of ${facts.madeAt}) into ${dataDir}`)
    for (const chain of facts.paused) console.log(`payouts on ${chain} are paused: compare it with the ledger, then resume it (docs/operations.md)`)
  } else {
    console.error(USAGE)
    process.exitCode = EXIT_CANNOT_RUN
  }
}

/** Why, for a person: advice and code, or what the error says. */
function reasonOf(failure: unknown): string {
  if (isEvegramError(failure)) return `${failure.advice} (${failure.code})`
  return failure instanceof Error ? failure.message : String(failure)
}

function fail(error: unknown): void {
  if (isEvegramError(error)) {
    const pid = error.details?.['pid']
    console.error(`Evegram cannot start: ${error.advice} (${error.code})${typeof pid === 'number' ? ` [process ${String(pid)}]` : ''}`)
  } else console.error(error)
  process.exit(isEvegramError(error) && CANNOT_RUN.has(error.code) ? EXIT_CANNOT_RUN : 1)
}

main().catch(fail)
