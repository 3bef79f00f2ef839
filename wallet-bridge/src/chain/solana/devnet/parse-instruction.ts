import { base58Of } from '../base58.js'
import { MEMO_PROGRAMS, SYSTEM_PROGRAM, TOKEN_PROGRAM, TOKEN_PROGRAMS } from '../programs.js'
import type { Json, JsonObject } from '../../json.js'

/** An instruction with the indices of its accounts. */
export interface CompiledInstruction {
  readonly programIdIndex: number
  readonly accounts: readonly number[]
  readonly data: Uint8Array
  readonly stackHeight: number
}

/**
 * An instruction as `jsonParsed` shows it: parsed for the transfers of System, SPL Token and Token-2022 and for memos, else with its accounts and raw data, as a
 * node shows programs that it does not know.
 */
export function parsedInstruction(keys: readonly string[], { programIdIndex, accounts, data, stackHeight }: CompiledInstruction): JsonObject {
  const programId = keys[programIdIndex] ?? ''
  const named = accounts.map((index) => keys[index] ?? '')
  const known = parseKnown(programId, named, Buffer.from(data))
  return known === undefined ? { programId, accounts: named, data: base58Of(data), stackHeight } : { ...known, programId, stackHeight }
}

function parseKnown(program: string, accounts: readonly string[], data: Buffer): JsonObject | undefined {
  if (MEMO_PROGRAMS.includes(program)) return { program: 'spl-memo', parsed: data.toString('utf8') }
  if (program === SYSTEM_PROGRAM) return parseSystem(accounts, data)
  return TOKEN_PROGRAMS.includes(program) ? parseToken(program === TOKEN_PROGRAM ? 'spl-token' : 'spl-token-2022', accounts, data) : undefined
}

/** Layouts: solana-sdk system_instruction.rs (bincode). */
function parseSystem([source, other]: readonly string[], data: Buffer): JsonObject | undefined {
  const kind = data.length < 12 ? undefined : data.readUInt32LE(0)
  const parsed = (type: string, info: JsonObject): JsonObject => ({ program: 'system', parsed: { type, info } })
  if (kind === 2) return parsed('transfer', { source, destination: other, lamports: Number(data.readBigUInt64LE(4)) })
  if (kind === 0 && data.length >= 52) {
    return parsed('createAccount', {
      source, newAccount: other, lamports: Number(data.readBigUInt64LE(4)), space: Number(data.readBigUInt64LE(12)), owner: base58Of(data.subarray(20, 52)),
    })
  }
  return undefined
}

/** Layouts: spl-token instruction.rs. */
function parseToken(program: string, [first, second, third, fourth]: readonly string[], data: Buffer): JsonObject | undefined {
  if (data.length < 9) return undefined
  const amount = data.readBigUInt64LE(1)
  const parsed = (type: string, info: JsonObject): JsonObject => ({ program, parsed: { type, info } })
  switch (data[0]) {
    case 3:
      return parsed('transfer', { source: first, destination: second, authority: third, amount: String(amount) })
    case 7:
      return parsed('mintTo', { mint: first, account: second, mintAuthority: third, amount: String(amount) })
    case 12:
      return data.length < 10 ? undefined
        : parsed('transferChecked', { source: first, mint: second, destination: third, authority: fourth, tokenAmount: tokenAmountJson(amount, data.readUInt8(9)) })
    default:
      return undefined
  }
}

/** An amount of a token as a node shows it. */
export function tokenAmountJson(amount: bigint, decimals: number): JsonObject {
  const digits = String(amount).padStart(decimals + 1, '0')
  const text = decimals === 0 ? digits : `${digits.slice(0, -decimals)}.${digits.slice(-decimals)}`.replace(/\.?0+$/, '')
  const shown: Json = Number(text)
  return { amount: String(amount), decimals, uiAmount: shown, uiAmountString: text }
}
