// The wallet bridge of a development cluster: a ledger in the PostgreSQL of the services, and the local Solana as its chain of play money.
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { askPostgres } from '../services/pg-probe.mjs'
import { writeJson } from '../services/state.mjs'

/** What the services are asked for beside those of every cluster. */
export const WALLY_KINDS = ['postgres', 'solana']
/** File in the folder of the cluster with the token of its operator. */
export const OPERATOR_TOKEN_FILE = 'operator-token'
const ASK_MS_MAX = 10_000
/** A genesis hash of Solana: 32 bytes in base58. */
const GENESIS = /^[1-9A-HJ-NP-Za-km-z]{32,44}$/
/** Play money: bounds that nobody meets by accident, in lamports. */
const BOUNDS = {
  depositMin: '1', payoutMin: '1000000', payoutMax: '1000000000000', accountDayMax: '10000000000000', approvalAbove: '500000000000', topUpBelow: '0', foundingDayMax: '0',
}

/**
 * Makes what the wallet bridge is started with, from the settings of services that run: the ledger of exactly this start of the chain, which forgets everything when it
 * ends, and the file of chains. Resolves with settings. Rejects when chain or database do not answer.
 */
export async function prepareWally({ dir, keys, services }) {
  const solana = services['EVEGRAM_SOLANA']
  const genesis = await genesisOf(solana)
  const file = join(dir, 'wally-chains.json')
  mkdirSync(dir, { recursive: true, mode: 0o700 })
  // The books of a chain begin where they began; of a new one where it is now, because it soon forgets what was before.
  const beginsAt = beginningIn(file, genesis) ?? await finalSlotOf(solana)
  writeJson(file, chainsFile({ genesis, beginsAt, operatorToken: keys.wally.operatorToken }))
  writeFileSync(join(dir, OPERATOR_TOKEN_FILE), `${keys.wally.operatorToken}\n`, { mode: 0o600 })
  return {
    EVEGRAM_POSTGRES: await ledgerDatabase(services['EVEGRAM_POSTGRES'], genesis), EVEGRAM_WALLY_CHAINS: file, EVEGRAM_WALLY_SECRET: keys.wally.secret,
    EVEGRAM_WALLY_HOT_SEED: keys.wally.hotSeed,
  }
}

/** The file of chains (docs/wally-operations.md); what is secret stands in variables. */
export function chainsFile({ genesis, beginsAt, operatorToken }) {
  return {
    chains: [{
      chain: 'solana', identity: genesis, endpoints: [{ name: 'local', url: 'env:EVEGRAM_SOLANA' }], key: { seed: 'env:EVEGRAM_WALLY_HOT_SEED' },
      assets: [{ asset: 'solana/sol', symbol: 'SOL', decimals: 9, ...BOUNDS }], feeReserve: { fixed: '20000' }, holdHours: 0, beginsAt, reconcileMinutes: 1,
    }],
    operators: [{ person: 'operator', scopes: ['read', 'approve', 'manage'], sha256: createHash('sha256').update(operatorToken).digest('hex') }],
  }
}

async function genesisOf(url) {
  const genesis = await askSolana(url, 'getGenesisHash')
  if (!GENESIS.test(genesis)) throw new Error(`the local Solana at ${url} does not say which chain it is`)
  return genesis
}

async function finalSlotOf(url) {
  const slot = await askSolana(url, 'getSlot', { commitment: 'finalized' })
  if (!Number.isSafeInteger(slot)) throw new Error(`the local Solana at ${url} does not say how far it is`)
  return slot
}

async function askSolana(url, method, ...params) {
  const response = await fetch(url, {
    method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }), signal: AbortSignal.timeout(ASK_MS_MAX),
  })
  return (await response.json()).result
}

/** Where the books of a chain begin, by the file of an earlier start; undefined when that was about another chain. */
export function beginningIn(file, genesis) {
  const [chain] = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')).chains : []
  return chain?.identity === genesis ? chain.beginsAt : undefined
}

/** Address of the ledger of a chain, made when it is not there: books are about one chain for ever. */
async function ledgerDatabase(url, genesis) {
  const name = `ledger_${createHash('sha256').update(genesis).digest('hex').slice(0, 16)}`
  const found = await askPostgres(url, `SELECT 1 FROM pg_database WHERE datname = '${name}'`, ASK_MS_MAX)
  if (found.length === 0) await askPostgres(url, `CREATE DATABASE ${name}`, ASK_MS_MAX)
  const own = new URL(url)
  own.pathname = `/${name}`
  return own.href
}
