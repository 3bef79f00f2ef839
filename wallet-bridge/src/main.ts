// node wallet-bridge/dist/main.js                                          run the wallet bridge; settings are environment variables (docs/wally-operations.md)
// node wallet-bridge/dist/main.js new-key --out <file> [--algorithm ed25519|secp256k1]   make a hot wallet key, sealed with EVEGRAM_WALLY_PASSPHRASE
// node wallet-bridge/dist/main.js pause-restored                           pause payouts of every chain in a restored EVEGRAM_POSTGRES, before the first start
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { EXIT_CANNOT_RUN, runService, systemClock, systemRandom } from '@evegram/platform'
import { isEvegramError } from '@evegram/protocol'
import { createKeyFile } from './keys/key-file.js'
import { pauseRestored, postgresDatabase } from './ledger/postgres/index.js'
import { readWallyProcessConfig } from './process-config.js'
import { startWallyProcess } from './process.js'

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { readonly version: string }
const USAGE = 'node wallet-bridge/dist/main.js [new-key --out <file> [--algorithm ed25519|secp256k1] | pause-restored]'

function newKey(out: string | undefined, algorithm: string): void {
  const passphrase = process.env['EVEGRAM_WALLY_PASSPHRASE']
  if (out === undefined || passphrase === undefined || (algorithm !== 'ed25519' && algorithm !== 'secp256k1')) {
    console.error(`${USAGE}\nThe passphrase is read from EVEGRAM_WALLY_PASSPHRASE.`)
    process.exit(EXIT_CANNOT_RUN)
  }
  try {
    const { publicKey } = createKeyFile(out, algorithm, passphrase)
    console.log(JSON.stringify({ file: out, algorithm, publicKey: Buffer.from(publicKey).toString('hex') }))
  } catch (failure) {
    console.error(isEvegramError(failure) ? failure.advice : failure)
    process.exit(EXIT_CANNOT_RUN)
  }
}

/** Before the first start on a restored database: what was paid behind the backup would be paid again. */
async function pauseAllRestored(): Promise<void> {
  try {
    const database = postgresDatabase(readWallyProcessConfig(process.env).postgres)
    try {
      console.log(JSON.stringify({ paused: await pauseRestored({ database, clock: systemClock(), random: systemRandom(), synced: true }) }))
    } finally {
      await database.close()
    }
  } catch (failure) {
    console.error(isEvegramError(failure) ? failure.advice : failure)
    process.exitCode = EXIT_CANNOT_RUN
  }
}

const { positionals: [command], values } = parseArgs({ allowPositionals: true, options: { out: { type: 'string' }, algorithm: { type: 'string', default: 'ed25519' }, help: { type: 'boolean', short: 'h', default: false } } })
if (values.help) console.log(`${USAGE}\nSettings are environment variables: docs/wally-operations.md lists them.`)
else if (command === 'new-key') newKey(values.out, values.algorithm)
else if (command === 'pause-restored') await pauseAllRestored()
else if (command !== undefined) {
  console.error(USAGE)
  process.exit(EXIT_CANNOT_RUN)
} else {
  runService({
    name: 'wally', clock: systemClock(), host: process, complain: (line) => { console.error(line) },
    start: async () => startWallyProcess(readWallyProcessConfig(process.env), process.env, version),
  })
}
