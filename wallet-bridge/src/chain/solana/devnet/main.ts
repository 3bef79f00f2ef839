import { parseArgs } from 'node:util'
import { systemClock, systemRandom } from '@evegram/platform'
import { isEvegramError } from '@evegram/protocol'
import { serveSolanaDevnet } from './server.js'

const USAGE = `node wallet-bridge/dist/chain/solana/devnet/main.js [options]

A Solana chain of its own on 127.0.0.1, for tests and play money: JSON-RPC on a port and the websocket on the next one, so that an unmodified
@solana/web3.js Connection works. Its state is in memory and gone when it ends. requestAirdrop gives play money.

  --port <number>              JSON-RPC; the websocket is on the next one (default 8899; 0: two that are free)
  --slot-ms <milliseconds>     how long a slot takes, 10 to 60000 (default 400)
  --finalized-after <blocks>   blocks on top of one that make it final, 1 to 128 (default 32)
  --help`

const EXIT_USAGE = 2

function numberOf(name: string, text: string, min: number, max: number): number {
  const value = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN
  if (value >= min && value <= max) return value
  return refuse(`--${name} is ${String(min)} to ${String(max)}`)
}

function refuse(why: string): never {
  console.error(`solana devnet: ${why}\n\n${USAGE}`)
  process.exit(EXIT_USAGE)
}

function options(): { readonly port: string; readonly 'slot-ms': string; readonly 'finalized-after': string; readonly help: boolean } {
  try {
    return parseArgs({
      options: {
        'port': { type: 'string', default: '8899' }, 'slot-ms': { type: 'string', default: '400' }, 'finalized-after': { type: 'string', default: '32' },
        'help': { type: 'boolean', default: false },
      },
    }).values
  } catch (error) {
    return refuse(error instanceof Error ? error.message : 'wrong usage')
  }
}

const values = options()
if (values.help) {
  console.log(USAGE)
} else {
  try {
    const server = await serveSolanaDevnet({
      clock: systemClock(), random: systemRandom(),
      port: numberOf('port', values.port, 0, 65_534), slotMs: numberOf('slot-ms', values['slot-ms'], 10, 60_000),
      finalizedAfter: numberOf('finalized-after', values['finalized-after'], 1, 128),
    })
    console.log(server.url)
    const stop = (): void => {
      void server.close().then(() => process.exit(0))
    }
    process.once('SIGTERM', stop)
    process.once('SIGINT', stop)
  } catch (error) {
    console.error(isEvegramError(error) ? error.message : error)
    process.exitCode = 1
  }
}
