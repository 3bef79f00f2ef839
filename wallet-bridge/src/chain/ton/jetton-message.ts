import type { Address, Slice } from '@ton/core'
import { OPERATIONS } from './operations.js'
import { readComment } from './text-comment.js'
import type { TonMessage } from './transaction.js'

/** What a message means to a jetton wallet of ours (TEP-74), if its code took it. */
export type JettonMessage =
  | { readonly kind: 'arrival'; readonly amount: bigint; readonly from: Address | undefined; readonly memo: Uint8Array | undefined }
  | { readonly kind: 'departure'; readonly amount: bigint; /** Undefined: they are burned. */ readonly to: Address | undefined }
  | { readonly kind: 'return'; readonly amount: bigint }

/** Reads a message to a jetton wallet; undefined for one that moves no jettons. */
export function readJettonMessage({ message: { info, body } }: TonMessage): JettonMessage | undefined {
  if (info.type !== 'internal') return undefined
  try {
    return info.bounced ? readReturn(body.beginParse()) : readSent(body.beginParse())
  } catch {
    // Too short for what it begins with: no jetton wallet takes it.
    return undefined
  }
}

function readSent(body: Slice): JettonMessage | undefined {
  if (body.remainingBits < 32) return undefined
  const operation = body.loadUint(32)
  if (operation === OPERATIONS.burn) return { kind: 'departure', amount: body.skip(64).loadCoins(), to: undefined }
  if (operation === OPERATIONS.transfer) return { kind: 'departure', amount: body.skip(64).loadCoins(), to: body.loadMaybeAddress() ?? undefined }
  if (operation !== OPERATIONS.internalTransfer) return undefined
  const amount = body.skip(64).loadCoins()
  const from = body.loadMaybeAddress() ?? undefined
  body.loadMaybeAddress()
  body.loadCoins()
  return { kind: 'arrival', amount, from, memo: readMemo(body) }
}

/** The payload for the owner stands in the body or in a cell of its own. Whatever cannot be read is no memo: the jettons are there all the same. */
function readMemo(body: Slice): Uint8Array | undefined {
  try {
    return readComment(body.loadBit() ? body.loadRef().beginParse(true) : body)
  } catch {
    return undefined
  }
}

function readReturn(body: Slice): JettonMessage | undefined {
  const operation = body.skip(32).loadUint(32)
  return operation === OPERATIONS.internalTransfer || operation === OPERATIONS.burnNotification ? { kind: 'return', amount: body.skip(64).loadCoins() } : undefined
}
