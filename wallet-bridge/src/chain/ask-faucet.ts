import { EvegramError } from '@evegram/protocol'
import { boundedFetch } from './bounded-fetch.js'
import { isJsonObject, type Json, type JsonObject } from './json.js'

const TIMEOUT_MS = 10_000
const REASON_CHARACTERS_MAX = 200

/** Asks the faucet of a local chain. Rejects `invalid.argument` with what it says when it gives nothing, `unavailable.chain` for no answer or one that is none. */
export async function askFaucet(url: string, body: JsonObject): Promise<void> {
  const operation = 'ask a faucet'
  let answer: Json
  let isGiven: boolean
  try {
    const response = await boundedFetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }, TIMEOUT_MS)
    isGiven = response.ok
    // JSON is one of these by its grammar.
    answer = await response.json() as Json
  } catch (cause) {
    throw new EvegramError('unavailable.chain', { operation, cause })
  }
  // JSON-RPC says so in a successful answer.
  const error = isJsonObject(answer) ? answer['error'] : null
  if (isGiven && error === undefined) return
  const said = typeof error === 'string' ? error : error !== undefined && error !== null && isJsonObject(error) ? error['message'] : isJsonObject(answer) ? answer['message'] : undefined
  throw new EvegramError('invalid.argument', { operation, advice: `The faucet does not give that: ${typeof said === 'string' ? said.slice(0, REASON_CHARACTERS_MAX) : 'no reason'}` })
}
