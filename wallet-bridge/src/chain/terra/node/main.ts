import { runLocalChain } from '../../run-local-chain.js'
import { serveTerraNode } from './serve.js'

const HELP = `node wallet-bridge/dist/chain/terra/node/main.js --program <terrad> [options]

A Terra Classic chain of its own in a real node, on 127.0.0.1, for tests and play money: terrad 0.5.20 (npm run terrad -- build) or a node of today. Each start makes a
fresh chain of one validator; it is deleted at the end. Before the node's REST gateway (LCD) stands one with a faucet: POST /faucet {"address", "denom", "amount"} gives
uluna and uusd and answers when the gift is in a block. Gas costs what it costs on today's network.

  --program <path>             the terrad
  --port <number>              REST with the faucet (default 1317; 0: one that is free)
  --lcd-port <number>          REST of the node itself (default 0)
  --rpc-port <number>          JSON-RPC of the node, with its websocket (default 0)
  --block-ms <milliseconds>    that the validator waits after a block, 100 to 60000 (default 500)
  --chain-id <id>              default localterra; begins with local
  --within <folder>            where the folder of the chain is made (default: that of temporary files)
  --json                       addresses and release as a JSON object
  --help`

await runLocalChain({
  help: HELP,
  numbers: { 'port': [1_317, 0, 65_535], 'lcd-port': [0, 0, 65_535], 'rpc-port': [0, 0, 65_535], 'block-ms': [500, 100, 60_000] },
  texts: { 'program': '', 'chain-id': 'localterra', 'within': '' },
  serve: async ({ port, 'lcd-port': lcdPort, 'rpc-port': rpcPort, 'block-ms': blockMs, program, 'chain-id': chainId, within }, system) => {
    const node = await serveTerraNode({ ...system, port, lcdPort, rpcPort, blockMs, program, chainId, ...(within === '' ? {} : { within }) })
    const { lcdUrl: lcd, rpcUrl: rpc, version, faucet: { address: faucet } } = node
    return { url: node.url, facts: { lcd, rpc, chainId, version, faucet }, failed: node.failed, close: () => node.close() }
  },
})
