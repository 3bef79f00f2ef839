import { runLocalChain } from '../../run-local-chain.js'
import { serveTerraDevnet } from './server.js'

const HELP = `node wallet-bridge/dist/chain/terra/devnet/main.js [options]

A Terra Classic chain of its own on 127.0.0.1, for tests and play money: the REST gateway (LCD) of a node, so that an unmodified @terra-money/terra.js LCDClient
with isClassic works. Its state is in memory and gone when it ends. POST /faucet {"address", "denom", "amount"} gives uluna, uusd and a CW20 play token, whose
contract GET /faucet names. It has no websocket.

  --port <number>              REST (default 1317; 0: one that is free)
  --block-ms <milliseconds>    time between blocks, 10 to 60000 (default 1000)
  --burn-tax <parts>           of a million of what is sent, 0 to 99999 (default 5000, as on the real chain)
  --json                       the address as a JSON object
  --help`

await runLocalChain({
  help: HELP,
  numbers: { 'port': [1_317, 0, 65_535], 'block-ms': [1_000, 10, 60_000], 'burn-tax': [5_000, 0, 99_999] },
  serve: ({ port, 'block-ms': blockMs, 'burn-tax': tax }, system) => serveTerraDevnet({ ...system, port, blockMs, taxRate: BigInt(tax) }),
})
