import { parseArgs } from 'node:util'
import { systemClock, systemRandom } from '@evegram/platform'
import { isEvegramError } from '@evegram/protocol'
import { serveTonDevnet } from './server.js'

const USAGE = `node wallet-bridge/dist/chain/ton/devnet/main.js [options]

A TON chain of its own on 127.0.0.1, for tests and play money: the JSON-RPC of toncenter v2, so that an unmodified @ton/ton TonClient works. Its state is in
memory and gone when it ends. Two methods of its own give play money: faucet {address, amount} in nanotons, faucetJetton {address, amount}.

  --port <number>              JSON-RPC, under /api/v2/jsonRPC (default 8181; 0: one that is free)
  --block-ms <milliseconds>    between blocks, 50 to 60000 (default 1000)
  --finalized-after <blocks>   blocks on top of one that make it final, 1 to 128 (default 3)
  --help`

const EXIT_USAGE = 2

function numberOf(name: string, text: string, min: number, max: number): number {
  const value = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN
  if (value >= min && value <= max) return value
  return refuse(`--${name} is ${String(min)} to ${String(max)}`)
}

function refuse(why: string): never {
  console.error(`ton devnet: ${why}\n\n${USAGE}`)
  process.exit(EXIT_USAGE)
}

function options(): { readonly port: string; readonly 'block-ms': string; readonly 'finalized-after': string; readonly help: boolean } {
  try {
    return parseArgs({
      options: {
        'port': { type: 'string', default: '8181' }, 'block-ms': { type: 'string', default: '1000' }, 'finalized-after': { type: 'string', default: '3' },
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
    const server = await serveTonDevnet({
      clock: systemClock(), random: systemRandom(),
      port: numberOf('port', values.port, 0, 65_535), blockMs: numberOf('block-ms', values['block-ms'], 50, 60_000),
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
