import type { Json, JsonObject } from '../../json.js'
import type { TerraEvent } from '../events.js'
import type { TerraBlock, TerraRecord } from './record.js'

const VERSION = { block: '11', app: '0' }

/** `tx_response`: events one by one and plain, `logs` joined by type. */
export function renderRecord({ transaction, height, timeMs, code, codespace, log, admitted, messages, gasUsed }: TerraRecord): JsonObject {
  const logs = messages.map((events, index) => ({ msg_index: index, log: '', events: joined(events).map((event) => renderEvent(event, false)) }))
  return {
    height: String(height), txhash: transaction.hash, codespace, code, data: '', raw_log: code === 0 ? JSON.stringify(logs) : log, logs, info: '',
    gas_wanted: String(transaction.tx.auth_info.fee.gas_limit), gas_used: String(gasUsed), tx: renderTransaction(transaction),
    timestamp: new Date(timeMs).toISOString(), events: [...admitted, ...messages.flat()].map((event) => renderEvent(event, true)),
  }
}

/** `tx`. */
export function renderTransaction({ tx }: TerraRecord['transaction']): JsonObject {
  // The SDK's own JSON of a transaction holds nothing but JSON.
  const { body, auth_info: authInfo, signatures } = tx.toData(true) as unknown as { readonly body: JsonObject; readonly auth_info: JsonObject; readonly signatures: Json }
  return { '@type': '/cosmos.tx.v1beta1.Tx', 'body': { ...body, extension_options: [], non_critical_extension_options: [] }, 'auth_info': authInfo, signatures }
}

/** `block_id` and `block`. */
export function renderBlock({ height, hash, previousHash, timeMs, transactions }: TerraBlock, chainId: string): JsonObject {
  const idOf = (hex: string): JsonObject => ({ hash: base64OfHex(hex), part_set_header: { total: 1, hash: base64OfHex(hex) } })
  return {
    block_id: idOf(hash),
    block: {
      header: {
        version: VERSION, chain_id: chainId, height: String(height), time: new Date(timeMs).toISOString(), last_block_id: idOf(previousHash),
        last_commit_hash: '', data_hash: '', validators_hash: '', next_validators_hash: '', consensus_hash: '', app_hash: '', last_results_hash: '', evidence_hash: '',
        proposer_address: '',
      },
      data: { txs: transactions.map(({ bytes }) => Buffer.from(bytes).toString('base64')) },
      evidence: { evidence: [] },
      last_commit: { height: String(height - 1), round: 0, block_id: idOf(previousHash), signatures: [] },
    },
  }
}

/** One event of each type, with the lines of all: how nodes write the logs of a message. */
function joined(events: readonly TerraEvent[]): readonly TerraEvent[] {
  const types = [...new Set(events.map(({ type }) => type))].sort()
  return types.map((type) => ({ type, attributes: events.filter((event) => event.type === type).flatMap(({ attributes }) => attributes) }))
}

function renderEvent({ type, attributes }: TerraEvent, isIndexed: boolean): JsonObject {
  return { type, attributes: attributes.map(({ key, value }) => ({ key, value, ...(isIndexed ? { index: true } : {}) })) }
}

function base64OfHex(hex: string): string {
  return Buffer.from(hex, 'hex').toString('base64')
}
