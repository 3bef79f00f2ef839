import { base58Of } from './base58.js'
import { TOKEN_2022_PROGRAM, TOKEN_PROGRAM } from './programs.js'

/** What a token account says. */
export interface TokenAccountState {
  readonly mint: string
  readonly owner: string
  readonly amount: bigint
  readonly state: 'initialized' | 'frozen'
}

/** What a mint says. */
export interface MintState {
  readonly decimals: number
  readonly supply: bigint
  readonly mintAuthority: string | undefined
  readonly freezeAuthority: string | undefined
}

/** Bytes of a mint and of a token account without extensions (spl-token state.rs). */
const MINT_BYTES = 82
const ACCOUNT_BYTES = 165
/** Token-2022 tells by its length that an account is a multisig, whatever byte 165 says. */
const MULTISIG_BYTES = 355
/** Token-2022: the byte behind the plain account that says what an account with extensions is. */
const TYPE_AT = 165
const TYPE_MINT = 1
const TYPE_ACCOUNT = 2

/** The token account that `data`, owned by `program`, is; undefined when it is none. */
export function tokenAccountOf(program: string, data: Uint8Array): TokenAccountState | undefined {
  if (!isOf(program, data, ACCOUNT_BYTES, TYPE_ACCOUNT)) return undefined
  const view = viewOf(data)
  const state = view.getUint8(108)
  if (state !== 1 && state !== 2) return undefined
  return { mint: keyAt(data, 0), owner: keyAt(data, 32), amount: view.getBigUint64(64, true), state: state === 1 ? 'initialized' : 'frozen' }
}

/** The mint that `data`, owned by `program`, is; undefined when it is none. */
export function mintOf(program: string, data: Uint8Array): MintState | undefined {
  if (!isOf(program, data, MINT_BYTES, TYPE_MINT)) return undefined
  const view = viewOf(data)
  if (view.getUint8(45) !== 1) return undefined
  const optional = (at: number): string | undefined => view.getUint32(at, true) === 0 ? undefined : keyAt(data, at + 4)
  return { decimals: view.getUint8(44), supply: view.getBigUint64(36, true), mintAuthority: optional(0), freezeAuthority: optional(46) }
}

function isOf(program: string, data: Uint8Array, plainBytes: number, type: number): boolean {
  if (program !== TOKEN_PROGRAM && program !== TOKEN_2022_PROGRAM) return false
  if (data.length === plainBytes) return true
  return program === TOKEN_2022_PROGRAM && data.length > TYPE_AT && data.length !== MULTISIG_BYTES && data[TYPE_AT] === type
}

function viewOf(data: Uint8Array): DataView {
  return new DataView(data.buffer, data.byteOffset, data.byteLength)
}

function keyAt(data: Uint8Array, at: number): string {
  return base58Of(data.subarray(at, at + 32))
}

/** The extensions of a Token-2022 mint, by their numbers (token-2022 extension/mod.rs, ExtensionType); none for a plain mint. */
export function mintExtensions(data: Uint8Array): readonly number[] {
  const view = viewOf(data)
  const found: number[] = []
  // Type and length in two bytes each, then the value; type 0 is where nothing is written yet.
  for (let at = TYPE_AT + 1; at + 4 <= data.length; at += 4 + view.getUint16(at + 2, true)) {
    const type = view.getUint16(at, true)
    if (type === 0) break
    found.push(type)
  }
  return found
}
