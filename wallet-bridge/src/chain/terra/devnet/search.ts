import type { JsonObject } from '../../json.js'
import type { TerraDevnet } from './chain.js'
import { GRPC_CODES, LcdError } from './lcd-error.js'
import type { TerraRecord } from './record.js'
import { renderRecord, renderTransaction } from './render.js'

/** Transactions of one page, and what is given when nobody asks for less. */
export const SEARCH_PAGE_MAX = 100

const CONDITIONS_MAX = 8
const HEIGHT = /^tx\.height\s*=\s*'?(\d{1,15})'?$/
const CONDITION = /^([a-zA-Z_.]{1,64})\.([a-zA-Z_.]{1,64})\s*=\s*'([^']{0,256})'$/

/**
 * Searches transactions as today's node does: `events` (and not `query`), joined by AND; `page` and `limit` (`pagination.limit` is passed over); `order_by` as a
 * number. Throws `LcdError`.
 */
export function searchTransactions(chain: TerraDevnet, query: URLSearchParams): JsonObject {
  const order = query.get('order_by') ?? '0'
  if (!/^[012]$/.test(order)) throw invalid(`type mismatch, parameter: order_by, error: strconv.ParseInt: parsing ${JSON.stringify(order.slice(0, 40))}: invalid syntax`)
  const conditions = query.getAll('events')
  if (conditions.length === 0) throw invalid('must declare at least one event to search: invalid request')
  if (conditions.length > CONDITIONS_MAX) throw invalid(`at most ${String(CONDITIONS_MAX)} events: invalid request`)
  const tests = conditions.map(conditionOf)
  const found = [...chain.records()].filter((record) => tests.every((test) => test(record))).sort(byPlace(chain))
  if (order === '2') found.reverse()
  const limit = Math.min(numberOf(query, 'limit') || SEARCH_PAGE_MAX, SEARCH_PAGE_MAX)
  const page = numberOf(query, 'page') || 1
  const pages = Math.max(1, Math.ceil(found.length / limit))
  if (page > pages) throw new LcdError(GRPC_CODES.unknown, `page should be within [1, ${String(pages)}] range, given ${String(page)}`)
  const shown = found.slice((page - 1) * limit, page * limit)
  return {
    txs: shown.map(({ transaction }) => renderTransaction(transaction)), tx_responses: shown.map(renderRecord), pagination: null, total: String(found.length),
  }
}

function conditionOf(text: string): (record: TerraRecord) => boolean {
  const height = HEIGHT.exec(text)?.[1]
  if (height !== undefined) return (record) => record.height === Number(height)
  const [, type, key, value] = CONDITION.exec(text) ?? []
  if (type === undefined) throw invalid(`invalid event; event ${text.slice(0, 80)} should be of the format: {eventType}.{eventAttribute}={value}: invalid request`)
  return ({ admitted, messages }) => [...admitted, ...messages.flat()].some((event) =>
    event.type === type && event.attributes.some((attribute) => attribute.key === key && attribute.value === value))
}

/** In the order of blocks, in a block in the order of its transactions. */
function byPlace(chain: TerraDevnet): (left: TerraRecord, right: TerraRecord) => number {
  const placeOf = ({ height, transaction }: TerraRecord): number => chain.block(height)?.transactions.findIndex(({ hash }) => hash === transaction.hash) ?? -1
  return (left, right) => left.height - right.height || placeOf(left) - placeOf(right)
}

function numberOf(query: URLSearchParams, name: string): number {
  const text = query.get(name) ?? '0'
  if (!/^\d{1,9}$/.test(text)) throw invalid(`type mismatch, parameter: ${name}, error: strconv.ParseUint: invalid syntax`)
  return Number(text)
}

function invalid(message: string): LcdError {
  return new LcdError(GRPC_CODES.invalidArgument, message)
}
