// Local chains with play money, behind what the SDKs of the real ones expect. They are programs of this repository and run natively, beside containers too.
import { join } from 'node:path'
import { build, install, root } from '../prepare.mjs'
import { freePort, freePortPair } from './free-port.mjs'

/** What differs between chains: how ports are chosen, whether one answers, and where behind its address SDKs begin. */
const KINDS_OF_CHAIN = {
  // JSON-RPC, and its websocket on the next port.
  solana: { choosePort: freePortPair, check: checkSolana },
  ton: { choosePort: (taken) => freePort(['127.0.0.1'], taken), check: checkTon, path: '/api/v2/jsonRPC' },
  terra: { choosePort: (taken) => freePort(['127.0.0.1'], taken), check: checkTerra },
}

/** The chains that --chains starts. */
export const CHAINS = Object.keys(KINDS_OF_CHAIN)
/** Time to become ready. */
export const CHAIN_READY_MS = 30_000

const PROBE_MS = 3_000

/** Installs and builds the programs of the chains, where that is not done. */
export async function buildChains(say) {
  await install(say)
  await build(say, ['wallet-bridge'])
}

/** A port of each chain: the known ones, and new ones for chains that a release did not have. */
export async function chainPorts(known, taken) {
  const ports = { ...known }
  for (const [name, { choosePort }] of Object.entries(KINDS_OF_CHAIN)) ports[name] ??= await choosePort(taken)
  return ports
}

/** The processes of the chains among `kinds`: one each. */
export function planChains({ kinds, ports, dir }) {
  return CHAINS.filter((name) => kinds.includes(name)).map((name) => {
    const home = join(dir, name)
    return {
      name, kind: name, address: `127.0.0.1:${ports[name]}`, folders: [home], files: [],
      start: { command: process.execPath, args: [join(root, 'wallet-bridge', 'dist', 'chain', name, 'devnet', 'main.js'), '--port', String(ports[name])], env: {}, cwd: home },
      log: join(home, 'output.log'),
    }
  })
}

/** Where programs find the chains that run. */
export function chainSettings(processes) {
  return Object.fromEntries(processes.filter(({ kind }) => CHAINS.includes(kind)).map(({ kind, address }) => [`EVEGRAM_${kind.toUpperCase()}`, `http://${address}${KINDS_OF_CHAIN[kind].path ?? ''}`]))
}

/** Resolves when the chain says that it is healthy; rejects with what is wrong. */
export async function checkChain({ kind, address }) {
  await KINDS_OF_CHAIN[kind].check(address)
}

async function checkSolana(address) {
  const response = await fetch(`http://${address}`, {
    method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'getHealth' }), signal: AbortSignal.timeout(PROBE_MS),
  })
  const { result } = await response.json()
  if (result !== 'ok') throw new Error(`answered ${JSON.stringify(result)} to getHealth`)
}

async function checkTon(address) {
  const response = await fetch(`http://${address}${KINDS_OF_CHAIN.ton.path}`, {
    method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'getMasterchainInfo', params: {} }), signal: AbortSignal.timeout(PROBE_MS),
  })
  const { ok } = await response.json()
  if (ok !== true) throw new Error(`answered ${response.status} to getMasterchainInfo`)
}

async function checkTerra(address) {
  const response = await fetch(`http://${address}/cosmos/base/tendermint/v1beta1/syncing`, { signal: AbortSignal.timeout(PROBE_MS) })
  const { syncing } = await response.json()
  if (syncing !== false) throw new Error(`answered ${response.status} to syncing`)
}
