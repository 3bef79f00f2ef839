import type { Address } from '@ton/core'
import type { Height } from '../finality.js'
import { processedKey } from './highload-wallet.js'
import type { TonRpc } from './rpc.js'

/**
 * Whether a wallet that is there has used a query id within two timeouts, as its state at the end of a block says; undefined when the endpoint does not say. Rejects
 * `unavailable.chain`.
 */
export async function isProcessed(rpc: TonRpc, wallet: Address, queryId: number, seqno: Height): Promise<boolean | undefined> {
  const answer = await rpc.get(wallet, 'processed?', [['num', String(processedKey(queryId))], ['num', '0']], seqno)
  const [first] = answer?.stack ?? []
  return answer?.exitCode === 0 && first?.type === 'int' ? first.value !== 0n : undefined
}
