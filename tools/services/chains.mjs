// Local chains with play money, behind what the SDKs of the real ones expect. They are programs of this repository and run natively, beside containers too.
import { join } from 'node:path'
import { build, install, root } from '../prepare.mjs'

/** The chains that --chains starts. */
export const CHAINS = ['solana']
/** Time to become ready. */
export const SOLANA_READY_MS = 30_000

const PROGRAM = join(root, 'wallet-bridge', 'dist', 'chain', 'solana', 'devnet', 'main.js')
const PROBE_MS = 3_000

/** Installs and builds the programs of the chains, where that is not done. */
export async function buildChains(say) {
  await install(say)
  await build(say, ['wallet-bridge'])
}

/** The processes: for Solana one, with JSON-RPC on `ports.solana` and its websocket on the next port. */
export function planChains({ ports, dir }) {
  const home = join(dir, 'solana')
  return [{
    name: 'solana', kind: 'solana', address: `127.0.0.1:${ports.solana}`, folders: [home], files: [],
    start: { command: process.execPath, args: [PROGRAM, '--port', String(ports.solana)], env: {}, cwd: home },
    log: join(home, 'output.log'),
  }]
}

/** Resolves when the node says that it is healthy; rejects with what is wrong. */
export async function checkSolana({ address }) {
  const response = await fetch(`http://${address}`, {
    method: 'POST', body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'getHealth' }), signal: AbortSignal.timeout(PROBE_MS),
  })
  const { result } = await response.json()
  if (result !== 'ok') throw new Error(`answered ${JSON.stringify(result)} to getHealth`)
}
