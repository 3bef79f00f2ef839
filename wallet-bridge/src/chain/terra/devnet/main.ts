import { parseArgs } from 'node:util'
import { systemClock, systemRandom } from '@evegram/platform'
import { isEvegramError } from '@evegram/protocol'
import { serveTerraDevnet } from './server.js'

const USAGE = `node wallet-bridge/dist/chain/terra/devnet/main.js [options]

A Terra Classic chain of its own on 127.0.0.1, for tests and play money: the REST gateway (LCD) of a node, so that an unmodified @terra-money/terra.js LCDClient
with isClassic works. Its state is in memory and gone when it ends. POST /faucet {"address", "denom", "amount"} gives uluna, uusd and a CW20 play token, whose
contract GET /faucet names. It has no websocket.

  --port <number>              REST (default 1317; 0: one that is free)
  --block-ms <milliseconds>    time between blocks, 10 to 60000 (default 1000)
  --burn-tax <parts>           of a million of what is sent, 0 to 99999 (default 5000, as on the real chain)
  --help`

const EXIT_USAGE = 2

function numberOf(name: string, text: string, min: number, max: number): number {
  const value = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN
  if (value >= min && value <= max) return value
  return refuse(`--${name} is ${String(min)} to ${String(max)}`)
}

function refuse(why: string): never {
  console.error(`terra devnet: ${why}\n\n${USAGE}`)
  process.exit(EXIT_USAGE)
}

function options(): { readonly port: string; readonly 'block-ms': string; readonly 'burn-tax': string; readonly help: boolean } {
  try {
    return parseArgs({
      options: {
        'port': { type: 'string', default: '1317' }, 'block-ms': { type: 'string', default: '1000' }, 'burn-tax': { type: 'string', default: '5000' },
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
    const server = await serveTerraDevnet({
      clock: systemClock(), random: systemRandom(),
      port: numberOf('port', values.port, 0, 65_535), blockMs: numberOf('block-ms', values['block-ms'], 10, 60_000),
      taxRate: BigInt(numberOf('burn-tax', values['burn-tax'], 0, 99_999)),
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
