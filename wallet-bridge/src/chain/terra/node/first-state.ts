import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { EvegramError } from '@evegram/protocol'
import { isJsonObject, type Json, type JsonObject } from '../../json.js'
import { TERRA_GAS_PRICES } from '../gas-price.js'
import type { TerradProgram } from './program.js'
import { withTomlValues } from './toml.js'

/** Ports on loopback, all different. */
export interface NodePorts {
  /** REST gateway (LCD). */
  readonly lcd: number
  readonly rpc: number
  readonly p2p: number
  readonly grpc: number
}

/** What a chain begins with. */
export interface FirstState {
  readonly chainId: string
  /** Who has the play money. */
  readonly holder: string
  readonly ports: NodePorts
  readonly blockMs: number
}

/** Of each coin: what the faucet has. Below 10^19, which the SDK carries exactly. */
export const PLAY_SUPPLY = 1_000_000_000_000_000_000n

const STAKE = 100_000_000_000n
const VALIDATOR = 'validator'
const KEYRING = ['--keyring-backend', 'test'] as const
const PRICE_UNIT = 1_000_000n

/**
 * Writes the keys, the first state and the settings of a chain of one validator into the folder of the program: everything on loopback, no other node, every past state kept.
 * Gas costs what it costs on today's network, whatever the release. Rejects `invalid.config` for a program that is no terrad.
 */
export async function makeFirstState(program: TerradProgram, { chainId, holder, ports, blockMs }: FirstState): Promise<void> {
  await program.run('init', 'local', '--chain-id', chainId)
  const [genesis, config] = [join(program.home, 'config', 'genesis.json'), join(program.home, 'config')]
  await change(genesis, (text) => JSON.stringify(playable(objectIn(text))))
  await program.run('keys', 'add', VALIDATOR, ...KEYRING, '--output', 'json')
  const validator = (await program.run('keys', 'show', VALIDATOR, '-a', ...KEYRING)).trim()
  const command = await program.genesisCommand()
  await program.run(...command, 'add-genesis-account', validator, `${String(STAKE)}uluna`)
  await program.run(...command, 'add-genesis-account', holder, Object.keys(TERRA_GAS_PRICES).map((denom) => `${String(PLAY_SUPPLY)}${denom}`).join(','))
  await program.run(...command, 'gentx', VALIDATOR, `${String(STAKE)}uluna`, '--chain-id', chainId, ...KEYRING)
  await program.run(...command, 'collect-gentxs')
  const at = (port: number): string => `127.0.0.1:${String(port)}`
  await change(join(config, 'config.toml'), (text) => withTomlValues(text, {
    'rpc': { laddr: `tcp://${at(ports.rpc)}`, pprof_laddr: '' },
    'p2p': { laddr: `tcp://${at(ports.p2p)}`, pex: false },
    'consensus': { timeout_commit: `${String(blockMs)}ms` },
  }))
  await change(join(config, 'app.toml'), (text) => withTomlValues(text, {
    '': { 'minimum-gas-prices': Object.entries(TERRA_GAS_PRICES).map(([denom, price]) => `${decimal(price)}${denom}`).join(','), 'pruning': 'nothing' },
    'api': { enable: true, address: `tcp://${at(ports.lcd)}`, swagger: false },
    'grpc': { enable: true, address: at(ports.grpc) },
    'grpc-web': { enable: false },
    'rosetta': { enable: false },
  }))
}

/** A first state in which uluna is staked, and in which nobody has to tell prices: a validator that does not would be put out after some hours. */
function playable(genesis: JsonObject): JsonObject {
  const { app_state: state, consensus_params: consensus, ...rest } = genesis
  const modules = objectOf(renamed(state ?? null))
  const oracle = isJsonObject(modules['oracle']) ? modules['oracle'] : undefined
  const params = oracle !== undefined && isJsonObject(oracle['params']) ? { ...oracle['params'], min_valid_per_window: '0.000000000000000000' } : undefined
  return {
    ...rest,
    ...(consensus === undefined ? {} : { consensus_params: promptly(consensus) }),
    app_state: { ...modules, ...(params === undefined ? {} : { oracle: { ...oracle, params } }) },
  }
}

/** Blocks under a second, where the time between them has a least value: else the time of blocks runs ahead of that of the machine. */
function promptly(consensus: Json): Json {
  if (!isJsonObject(consensus) || !isJsonObject(consensus['block']) || consensus['block']['time_iota_ms'] === undefined) return consensus
  return { ...consensus, block: { ...consensus['block'], time_iota_ms: '1' } }
}

/** The coin that programs without a name of their own call `stake` is uluna. */
function renamed(value: Json): Json {
  if (value === 'stake') return 'uluna'
  if (Array.isArray(value)) return value.map(renamed)
  return isJsonObject(value) ? Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, renamed(inner ?? null)])) : value
}

async function change(path: string, by: (text: string) => string): Promise<void> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (cause) {
    throw noTerrad(cause)
  }
  await writeFile(path, by(text), { mode: 0o600 })
}

function objectIn(text: string): JsonObject {
  const value: unknown = JSON.parse(text)
  return objectOf(value)
}

function objectOf(value: unknown): JsonObject {
  if (isJsonObject(value)) return value
  throw noTerrad()
}

function noTerrad(cause?: unknown): EvegramError {
  return new EvegramError('invalid.config', { operation: 'make a first state', cause, advice: 'The program that was named made no genesis and settings that can be read: is it a terrad?' })
}

/** Millionths as a decimal. */
function decimal(millionths: bigint): string {
  return `${String(millionths / PRICE_UNIT)}.${String(millionths % PRICE_UNIT).padStart(6, '0')}`
}
