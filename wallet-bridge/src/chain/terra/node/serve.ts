import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { EvegramError, type Clock, type Random } from '@evegram/protocol'
import { LOOPBACK } from '../../loopback-http.js'
import { requireLocalNetwork } from '../../require-local-network.js'
import { TERRA } from '../address.js'
import { TerraRpc } from '../rpc.js'
import { NodeFaucet } from './faucet.js'
import { makeFirstState, type NodePorts } from './first-state.js'
import { freePorts } from './free-ports.js'
import { serveNodeFront } from './front.js'
import { TerradProgram } from './program.js'
import { runNode } from './run-node.js'

/** Options of {@link serveTerraNode}. */
export interface TerraNodeOptions {
  readonly clock: Clock
  readonly random: Random
  /** Path of a terrad, of 0.5.20 or of today. */
  readonly program: string
  /** Of the front with its faucet; 0: one that is free. Likewise below. */
  readonly port: number
  readonly lcdPort?: number | undefined
  readonly rpcPort?: number | undefined
  /** Milliseconds that a validator waits after a block; blocks come a little slower. */
  readonly blockMs: number
  /** `localterra` when left out; must begin with `local`. */
  readonly chainId?: string | undefined
  /** In which the folder of the chain is made; that of temporary files when left out. */
  readonly within?: string | undefined
}

/** A real node with a chain of its own. */
export interface TerraNode {
  /** The front: the node's REST gateway, and `/faucet`. */
  readonly url: string
  /** The REST gateway of the node itself. */
  readonly lcdUrl: string
  /** Its JSON-RPC, with the websocket at `/websocket`. */
  readonly rpcUrl: string
  readonly chainId: string
  /** The release that the program says it is. */
  readonly version: string
  readonly faucet: NodeFaucet
  /** Rejects with why when the node ends without having been told to. Never resolves. */
  readonly failed: Promise<never>
  /** Ends front and node and deletes the chain. */
  close(): Promise<void>
}

const CHAIN_ID = 'localterra'
const START_TIMEOUT_MS = 2_000

/**
 * Starts a chain of play money in a real node of Terra Classic: a fresh one each time, on loopback, one validator, deleted when it is closed. Rejects `invalid.config` for a program that is
 * no terrad or a chain id that is none of a local chain, `unavailable.chain` when the node does not run.
 */
export async function serveTerraNode({ clock, random, program: path, port, lcdPort = 0, rpcPort = 0, blockMs, chainId = CHAIN_ID, within = tmpdir() }: TerraNodeOptions): Promise<TerraNode> {
  requireLocalNetwork(TERRA, chainId)
  const home = await mkdtemp(join(within, 'evegram-terrad-'))
  const closing: (() => Promise<void>)[] = [() => rm(home, { recursive: true, force: true })]
  const close = async (): Promise<void> => {
    for (const end of closing.splice(0).reverse()) await end()
  }
  try {
    const program = new TerradProgram(path, home)
    const version = await program.version()
    const ports = await choosePorts(lcdPort, rpcPort)
    const faucet = new NodeFaucet(random, clock)
    await makeFirstState(program, { chainId, holder: faucet.address, ports, blockMs })
    const lcdUrl = `http://${LOOPBACK}:${String(ports.lcd)}`
    const node = await runNode(program, { rpc: new TerraRpc({ url: lcdUrl, chainId, timeoutMs: START_TIMEOUT_MS }), holder: faucet.address, clock })
    closing.push(() => node.stop())
    faucet.open({ url: lcdUrl, chainId, random })
    const front = await serveNodeFront({ lcdUrl, chainId, faucet, port })
    closing.push(() => front.close())
    return { url: front.url, lcdUrl, rpcUrl: `http://${LOOPBACK}:${String(ports.rpc)}`, chainId, version, faucet, failed: node.failed, close }
  } catch (error) {
    await close()
    throw error
  }
}

async function choosePorts(lcdPort: number, rpcPort: number): Promise<NodePorts> {
  const [lcd, rpc, p2p, grpc] = await freePorts(4)
  if (lcd === undefined || rpc === undefined || p2p === undefined || grpc === undefined) throw new EvegramError('internal', { operation: 'choose ports' })
  return { lcd: lcdPort === 0 ? lcd : lcdPort, rpc: rpcPort === 0 ? rpc : rpcPort, p2p, grpc }
}
