import { randomBytes, scryptSync } from 'node:crypto'
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { EvegramError, isEvegramError } from '@evegram/protocol'
import { createLocalPayer, createLocalWallet, type LocalPayer, type LocalWallet } from '@evegram/sdk'
import nacl from 'tweetnacl'

/** The chains that a wallet file can hold a key of. */
export const CHAINS = ['solana', 'ton', 'terra'] as const
/** One of {@link CHAINS}. */
export type Chain = (typeof CHAINS)[number]

const FORMAT = 'evegram-wallet/1'
/** Bytes of a wallet file: far above what one needs, far below what could hurt. */
const FILE_BYTES_MAX = 16_384
// RFC 7914 parameters for interactive use in 2026: 64 MiB, about 0.2 s.
const SCRYPT = { N: 65_536, r: 8, p: 1, maxmem: 128 * 1024 * 1024 } as const

interface WalletFile {
  readonly format: typeof FORMAT
  readonly chain: Chain
  readonly address: string
  /** 32-byte seed, base64url; absent when the file is encrypted. */
  readonly seed?: string
  /** scrypt over the passphrase, then secretbox (XSalsa20-Poly1305) over the seed. */
  readonly sealed?: { readonly salt: string; readonly nonce: string; readonly box: string }
}

/** Makes a wallet with a fresh random key and writes it to `path` (mode 0600); refuses to overwrite a file. */
export function createWalletFile(path: string, chain: Chain, passphrase: string | undefined): LocalWallet {
  const seed = new Uint8Array(randomBytes(32))
  const wallet = createLocalWallet(chain, seed)
  const file: WalletFile = {
    format: FORMAT,
    chain,
    address: wallet.address,
    ...(passphrase === undefined ? { seed: Buffer.from(seed).toString('base64url') } : { sealed: seal(seed, passphrase) }),
  }
  mkdirSync(dirname(resolve(path)), { recursive: true, mode: 0o700 })
  try {
    writeFileSync(path, `${JSON.stringify(file, null, 2)}\n`, { mode: 0o600, flag: 'wx' })
  } catch (cause) {
    const advice =
      isNodeError(cause) && cause.code === 'EEXIST' ? 'A file of this name exists already: choose another.' : 'The wallet file could not be written.'
    throw new EvegramError('invalid.argument', { operation: 'write wallet file', advice, cause })
  }
  return wallet
}

/** What a wallet file shows without its key. */
export interface WalletDescription {
  readonly chain: Chain
  readonly address: string
  /** The key is sealed with a passphrase. */
  readonly encrypted: boolean
}

/** Reads a wallet file without its key. Throws `invalid.wallet_file`. */
export function describeWalletFile(path: string): WalletDescription {
  const { chain, address, sealed } = parse(path)
  return { chain, address, encrypted: sealed !== undefined }
}

/** Opens a wallet file. Throws `invalid.wallet_file` when it does not parse, or its passphrase is missing or wrong. */
export function openWalletFile(path: string, passphrase: string | undefined): LocalWallet {
  return opened(path, passphrase, createLocalWallet)
}

/** Opens a wallet file as a wallet that pays on local chains. Throws `invalid.wallet_file` as {@link openWalletFile} does. */
export function openPayerFile(path: string, passphrase: string | undefined): LocalPayer {
  return opened(path, passphrase, createLocalPayer)
}

function opened<Wallet extends { readonly address: string }>(path: string, passphrase: string | undefined, create: (chain: Chain, seed: Uint8Array) => Wallet): Wallet {
  const file = parse(path)
  const seed = file.sealed === undefined ? bytesOf(file.seed, 32) : unseal(file.sealed, passphrase)
  const wallet = create(file.chain, seed)
  if (wallet.address !== file.address) refuse('The key in the wallet file does not belong to its address.')
  return wallet
}

function seal(seed: Uint8Array, passphrase: string): NonNullable<WalletFile['sealed']> {
  const salt = randomBytes(16)
  const nonce = new Uint8Array(randomBytes(nacl.secretbox.nonceLength))
  const key = new Uint8Array(scryptSync(passphrase, salt, nacl.secretbox.keyLength, SCRYPT))
  return {
    salt: salt.toString('base64url'),
    nonce: Buffer.from(nonce).toString('base64url'),
    box: Buffer.from(nacl.secretbox(seed, nonce, key)).toString('base64url'),
  }
}

function unseal(sealed: NonNullable<WalletFile['sealed']>, passphrase: string | undefined): Uint8Array {
  if (passphrase === undefined) refuse('The wallet file is encrypted: put its passphrase into EVEGRAM_WALLET_PASSPHRASE.')
  const key = new Uint8Array(scryptSync(passphrase, bytesOf(sealed.salt, 16), nacl.secretbox.keyLength, SCRYPT))
  const seed = nacl.secretbox.open(bytesOf(sealed.box, 32 + nacl.secretbox.overheadLength), bytesOf(sealed.nonce, nacl.secretbox.nonceLength), key)
  if (seed === null) refuse('The passphrase of the wallet file is wrong.')
  return seed
}

function parse(path: string): WalletFile {
  let text: string
  try {
    if (statSync(path).size > FILE_BYTES_MAX) refuse('The file is too large for a wallet file.')
    text = readFileSync(path, 'utf8')
  } catch (cause) {
    if (isEvegramError(cause)) throw cause
    throw new EvegramError('invalid.wallet_file', { operation: 'read wallet file', advice: 'The wallet file cannot be read.', cause })
  }
  const value = json(text)
  if (!isWalletFile(value)) refuse('This is not a wallet file of Evegram. Make one with: evegram keys new')
  return value
}

/** Undefined for what is no JSON, which no wallet file is. */
function json(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function isWalletFile(value: unknown): value is WalletFile {
  if (typeof value !== 'object' || value === null) return false
  const { format, chain, address, seed, sealed } = value as Readonly<Record<string, unknown>>
  if (format !== FORMAT || typeof address !== 'string' || !CHAINS.some((known) => known === chain)) return false
  if (typeof seed === 'string') return sealed === undefined
  if (typeof sealed !== 'object' || sealed === null) return false
  return ['salt', 'nonce', 'box'].every((name) => typeof (sealed as Readonly<Record<string, unknown>>)[name] === 'string')
}

function bytesOf(text: string | undefined, length: number): Uint8Array {
  const bytes = new Uint8Array(Buffer.from(text ?? '', 'base64url'))
  if (bytes.length !== length) refuse('The wallet file is damaged.')
  return bytes
}

function refuse(advice: string): never {
  throw new EvegramError('invalid.wallet_file', { operation: 'read wallet file', advice })
}

function isNodeError(value: unknown): value is NodeJS.ErrnoException {
  return value instanceof Error && 'code' in value
}
