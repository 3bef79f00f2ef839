import { runLocalChain } from '../../run-local-chain.js'
import { serveSolanaDevnet } from './server.js'

const HELP = `node wallet-bridge/dist/chain/solana/devnet/main.js [options]

A Solana chain of its own on 127.0.0.1, for tests and play money: JSON-RPC on a port and the websocket on the next one, so that an unmodified
@solana/web3.js Connection works. Its state is in memory and gone when it ends. requestAirdrop gives play money.

  --port <number>              JSON-RPC; the websocket is on the next one (default 8899; 0: two that are free)
  --slot-ms <milliseconds>     how long a slot takes, 10 to 60000 (default 400)
  --finalized-after <blocks>   blocks on top of one that make it final, 1 to 128 (default 32)
  --json                       the address as a JSON object
  --help`

await runLocalChain({
  help: HELP,
  numbers: { 'port': [8_899, 0, 65_534], 'slot-ms': [400, 10, 60_000], 'finalized-after': [32, 1, 128] },
  serve: ({ port, 'slot-ms': slotMs, 'finalized-after': finalizedAfter }, system) => serveSolanaDevnet({ ...system, port, slotMs, finalizedAfter }),
})
