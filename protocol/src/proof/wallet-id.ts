import { base58, bech32 } from '@scure/base'
import { EvegramError } from '../errors.js'
import type { WalletId } from '../ids.js'
import { CHAINS, chainFactsOf, type Chain, type ChainFacts, type Network } from './network.js'
import { printTonAddress, readTonAddress, type TonAddress, type TonAddressFault } from './ton-address.js'

/** A wallet address that was read: its chain, the one id of the wallet, and the form in which it is printed. */
export interface ParsedAddress {
  readonly chain: Chain
  readonly network: Network
  /** CAIP-10 of the canonical form: equal for every way to write the same wallet. */
  readonly walletId: WalletId
  /** Solana base58, TON `UQ...`, Terra bech32 in lower case. */
  readonly address: string
  /** Workchain and hash of a TON address; only where a wallet id was read. */
  readonly ton?: TonAddress
}

/** Options of {@link parseAddress}. */
export interface AddressOptions {
  /** Default `mainnet`. On mainnet an address with TON's test flag is refused. */
  readonly network?: Network
}

/** Longest text that is read as an address or a wallet id. */
const ADDRESS_CHARACTERS_MAX = 128
const BECH32_PREFIX = 'terra'
/** A bech32 text of some Cosmos chain: prefix, separator, data of at least an address. */
const BECH32_LIKE = /^[a-z]{2,20}1[02-9ac-hj-np-z]{38,90}$/
const BASE58 = /^[1-9A-HJ-NP-Za-km-z]{32,44}$/

function refuse(advice: string, cause?: unknown): never {
  throw new EvegramError('invalid.address', { operation: 'read address', advice, cause })
}

const TON_ADVICE: Record<TonAddressFault, string> = {
  syntax: 'A TON address has 48 characters (UQ... or EQ...), or is written 0: and 64 hexadecimal digits.',
  checksum: 'The checksum of the TON address is wrong: copy it again from your wallet.',
  workchain: 'TON wallets live in workchain 0 or -1.',
  test_only: 'This TON address is marked for the test network: use the one of the main network (UQ... or EQ...).',
}

function solanaAddress(text: string): string {
  if (!BASE58.test(text)) refuse('Write a Solana address (base58), a TON address (UQ...) or a Terra Classic address (terra1...).')
  const bytes = base58.decode(text)
  if (bytes.length !== 32) refuse('A Solana address is base58 of exactly 32 bytes: copy it again from your wallet.')
  return base58.encode(bytes)
}

function readTon(text: string, network: Network): TonAddress {
  const address = readTonAddress(text, network === 'testnet')
  return typeof address === 'string' ? refuse(TON_ADVICE[address]) : address
}

function tonAddress(text: string, network: Network): string {
  return printTonAddress(readTon(text, network), network === 'testnet')
}

function bech32Data(text: string): Uint8Array {
  try {
    // bech32.decode wants the separator in its type; the caller checked the pattern.
    return bech32.fromWords(bech32.decode(text as `${string}1${string}`).words)
  } catch (cause) {
    return refuse('The checksum of the Terra address is wrong: copy it again from your wallet.', cause)
  }
}

function terraAddress(text: string): string {
  if (!text.startsWith(`${BECH32_PREFIX}1`)) refuse('Only addresses of Terra Classic wallets (terra1...) are accepted here.')
  const data = bech32Data(text)
  if (data.length === 32) {
    throw new EvegramError('proof.wallet_unsupported', { operation: 'read address', advice: 'This is a contract: use a plain wallet.' })
  }
  if (data.length !== 20) refuse('A Terra Classic address holds 20 bytes: copy it again from your wallet.')
  return text
}

function detect(text: string): Chain {
  if (text.includes(':') || /^[\w+/-]{48}$/.test(text)) return 'ton'
  return BECH32_LIKE.test(text) ? 'terra' : 'solana'
}

function canonicalAddress(chain: Chain, text: string, network: Network): string {
  switch (chain) {
    case 'solana': return solanaAddress(text)
    case 'ton': return tonAddress(text, network)
    case 'terra': return terraAddress(text)
  }
}

function walletIdOf(facts: ChainFacts, address: string): WalletId {
  // The caller passes a canonical address.
  return `${facts.namespace}:${facts.reference}:${address}` as WalletId
}

/**
 * Reads an address as its chain writes it and finds out the chain: Solana base58, TON user-friendly (either base64 alphabet,
 * bounceable or not) or raw, Terra Classic bech32. Throws `invalid.address` with advice that names the fault, and
 * `proof.wallet_unsupported` for the address of a Terra contract.
 */
export function parseAddress(text: string, options: AddressOptions = {}): ParsedAddress {
  const network = options.network ?? 'mainnet'
  const trimmed = text.trim()
  if (trimmed.length === 0 || trimmed.length > ADDRESS_CHARACTERS_MAX) refuse('Write one address, as its chain writes it.')
  const plain = /^TERRA1[0-9A-Z]+$/.test(trimmed) ? trimmed.toLowerCase() : trimmed
  const chain = detect(plain)
  const address = canonicalAddress(chain, plain, network)
  return { chain, network, walletId: walletIdOf(chainFactsOf(chain, network), address), address }
}

/** What wallet ids of each chain and network begin with. */
const PREFIXES = CHAINS.map(({ chain, network, namespace, reference }) => ({ chain, network, prefix: `${namespace}:${reference}:` }))

/**
 * Reads a wallet id: CAIP-10 with the one canonical address. TON ids hold the printed `UQ...` form, because the raw form has a colon,
 * which CAIP-10 keeps for itself. Throws `invalid.address` for every other spelling.
 */
export function readWalletId(text: string): ParsedAddress {
  for (const { prefix, chain, network } of text.length <= ADDRESS_CHARACTERS_MAX ? PREFIXES : []) {
    if (!text.startsWith(prefix)) continue
    const address = text.slice(prefix.length)
    // Verifying a proof needs what a TON address says: it is read once.
    const ton = chain === 'ton' ? readTon(address, network) : undefined
    const canonical = ton === undefined ? canonicalAddress(chain, address, network) : printTonAddress(ton, network === 'testnet')
    if (canonical !== address) break
    // The prefix and the canonical address, as walletIdOf would put them together.
    return { chain, network, walletId: text as WalletId, address, ...(ton === undefined ? {} : { ton }) }
  }
  return refuse('A wallet id is CAIP-10 of the canonical address, such as cosmos:columbus-5:terra1...')
}

/** Brands a wallet id: CAIP-10 of the canonical address, see {@link readWalletId}. Throws `invalid.address`. */
export function parseWalletId(text: string): WalletId {
  return readWalletId(text).walletId
}

/** The printed address of a wallet. */
export function addressOf(walletId: WalletId): string {
  return walletId.slice(walletId.lastIndexOf(':') + 1)
}

/** The chain of a wallet. */
export function chainOf(walletId: WalletId): Chain {
  return readWalletId(walletId).chain
}

/** The network of a wallet. */
export function networkOf(walletId: WalletId): Network {
  return readWalletId(walletId).network
}

/** The 32-byte public key that a Solana wallet id is, or one that was read. Throws `invalid.address` for another chain. */
export function solanaKeyOf(wallet: WalletId | ParsedAddress): Uint8Array {
  const parsed = typeof wallet === 'string' ? readWalletId(wallet) : wallet
  if (parsed.chain !== 'solana') refuse('This is not a Solana wallet.')
  return base58.decode(parsed.address)
}

/** Workchain and hash of a TON wallet id, or of one that was read. Throws `invalid.address` for another chain. */
export function tonAddressOf(wallet: WalletId | ParsedAddress): TonAddress {
  const parsed = typeof wallet === 'string' ? readWalletId(wallet) : wallet
  const address = parsed.ton ?? (parsed.chain === 'ton' ? readTonAddress(parsed.address, true) : 'syntax')
  return typeof address === 'string' ? refuse('This is not a TON wallet.') : address
}

/** The bech32 address of a hash160 with some prefix: `terra1...` for Terra Classic. */
export function bech32AddressOf(prefix: string, hash160: Uint8Array): string {
  return bech32.encode(prefix, bech32.toWords(hash160))
}
