import { runLocalChain } from '../../run-local-chain.js'
import { serveTonDevnet } from './server.js'

const HELP = `node wallet-bridge/dist/chain/ton/devnet/main.js [options]

A TON chain of its own on 127.0.0.1, for tests and play money: the JSON-RPC of toncenter v2, so that an unmodified @ton/ton TonClient works. Its state is in
memory and gone when it ends. Two methods of its own give play money: faucet {address, amount} in nanotons, faucetJetton {address, amount}.

  --port <number>              JSON-RPC, under /api/v2/jsonRPC (default 8181; 0: one that is free)
  --block-ms <milliseconds>    between blocks, 50 to 60000 (default 1000)
  --finalized-after <blocks>   blocks on top of one that make it final, 1 to 128 (default 3)
  --json                       the address as a JSON object
  --help`

await runLocalChain({
  help: HELP,
  numbers: { 'port': [8_181, 0, 65_535], 'block-ms': [1_000, 50, 60_000], 'finalized-after': [3, 1, 128] },
  serve: ({ port, 'block-ms': blockMs, 'finalized-after': finalizedAfter }, system) => serveTonDevnet({ ...system, port, blockMs, finalizedAfter }),
})
