// Local chains with play money, behind what the SDKs of the real ones expect. They are programs of this repository and run natively, beside containers too.
import { join } from 'node:path'
import { build, install, root } from '../prepare.mjs'
import { provideTerrad, terradVersion } from './terrad.mjs'
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
/** Time to become ready. A real node of Terra makes its first state by half a dozen commands of its own. */
export const CHAIN_READY_MS = 60_000

const PROBE_MS = 3_000
/** By which the program of the chain is told of the node that it runs. */
const NODE_OPTION = '--program'

/** Installs and builds the programs of the chains, where that is not done; with `terraNode` a real node of Terra, too, whose `{path, version}` this resolves with. */
export async function buildChains(say, { terraNode, cache, abort, environment }) {
  const [, node] = await Promise.all([
    install(say).then(() => build(say, ['wallet-bridge'])),
    terraNode ? provideTerrad(cache, say, abort, environment) : undefined,
  ])
  return node === undefined ? undefined : { path: node.path, version: await terradVersion(node.path) }
}

/** A port of each chain: the known ones, and new ones for chains that a release did not have. */
export async function chainPorts(known, taken) {
  const ports = { ...known }
  for (const [name, { choosePort }] of Object.entries(KINDS_OF_CHAIN)) ports[name] ??= await choosePort(taken)
  return ports
}

/** The processes of the chains among `kinds`: one each. `terraNode` is the path of a real node, which then is Terra's. */
export function planChains({ kinds, ports, dir, terraNode }) {
  return CHAINS.filter((name) => kinds.includes(name)).map((name) => {
    const home = join(dir, name)
    const isNode = name === 'terra' && terraNode !== undefined
    const program = join(root, 'wallet-bridge', 'dist', 'chain', name, isNode ? 'node' : 'devnet', 'main.js')
    return {
      name, kind: name, address: `127.0.0.1:${ports[name]}`, folders: [home], files: [],
      start: { command: process.execPath, args: [program, '--port', String(ports[name]), ...(isNode ? [NODE_OPTION, terraNode, '--within', home] : [])], env: {}, cwd: home },
      log: join(home, 'output.log'),
    }
  })
}

/** Throws when a chain of Terra that runs is not the real node that is asked for. */
export function requireTerraNode(processes, dir) {
  const running = processes.find(({ kind }) => kind === 'terra')
  if (running === undefined || running.start.args.includes(NODE_OPTION)) return
  throw new Error(`the imitating chain of Terra runs in ${dir}: run "npm run services -- down" first, or use another folder (--dir)`)
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
