import { isJsonObject } from '../json.js'

/** What a node tells that happened, as it stands in `tx_response.events`. */
export interface TerraEvent {
  readonly type: string
  readonly attributes: readonly TerraAttribute[]
}

/** One line of an event. */
export interface TerraAttribute {
  readonly key: string
  readonly value: string
}

/** A change of a balance: of a coin, or of a CW20 token as its contract told it. */
export interface TerraMove {
  readonly holder: string
  /** A denomination, or the address of a contract. */
  readonly name: string
  readonly kind: 'coin' | 'token'
  readonly delta: bigint
  /** The how manieth line of an event named the holder, counted over all events: the same for every reader. */
  readonly place: number
}

/** Events of one transaction, at most. */
const EVENTS_MAX = 100_000
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/
/** Lines that the chain itself writes into every transaction that was admitted, as old nodes write them. No contract can: its events are of other types. */
const OWN_TYPES: ReadonlySet<string> = new Set(['tx', 'coin_spent', 'coin_received'])
const OWN_KEYS_ENCODED: ReadonlySet<string> = new Set(['fee', 'acc_seq', 'signature', 'spender', 'receiver'].map((key) => Buffer.from(key).toString('base64')))

/**
 * Events as a node answers them. Nodes of today write their lines plain, those before Tendermint 0.37 in base64: which of both is seen on what the chain itself
 * wrote. Throws for what are no events.
 */
export function eventsOfNode(value: unknown): readonly TerraEvent[] {
  if (!Array.isArray(value) || value.length > EVENTS_MAX) throw new Error('no list of events')
  const events = value.map(eventOf)
  const isEncoded = events.some(({ type, attributes: [first] }) => OWN_TYPES.has(type) && first !== undefined && OWN_KEYS_ENCODED.has(first.key))
  if (!isEncoded) return events
  return events.map(({ type, attributes }) => ({ type, attributes: attributes.map(({ key, value: text }) => ({ key: decoded(key), value: decoded(text) })) }))
}

function eventOf(event: unknown): TerraEvent {
  const { type, attributes } = isJsonObject(event) ? event : {}
  if (typeof type !== 'string' || !Array.isArray(attributes)) throw new Error('no event')
  return {
    type, attributes: attributes.map((attribute: unknown) => {
      const { key, value } = isJsonObject(attribute) ? attribute : {}
      return { key: lineText(key), value: lineText(value) }
    }),
  }
}

/** Nodes write what is empty as nothing. */
function lineText(value: unknown): string {
  const text = value ?? ''
  if (typeof text !== 'string') throw new Error('a line that is no text')
  return text
}

function decoded(text: string): string {
  if (!BASE64.test(text)) throw new Error('a line that is no base64 among some that are')
  return Buffer.from(text, 'base64').toString('utf8')
}

const COIN = /^(\d{1,78})([a-zA-Z][a-zA-Z0-9/:._-]{2,127})$/
const AMOUNT = /^\d{1,78}$/
/** What actions of a CW20 take from `from` and give to `to`; other actions move nothing (allowances, marketing). */
const TOKEN_ACTIONS: ReadonlySet<string> = new Set(['transfer', 'send', 'mint', 'burn', 'transfer_from', 'send_from', 'burn_from'])

/**
 * Every coin and token that moved, by what the bank (`coin_spent`, `coin_received`) and the CW20 contracts (`wasm`) recorded. One event may hold several
 * happenings one behind the other, since nodes join events of one type: each begins with the line that names its holder or contract. Undefined for a line of
 * the bank that cannot be read, or that begins in a way that is not known: money that moved must not be passed over.
 */
export function movesOf(events: readonly TerraEvent[]): readonly TerraMove[] | undefined {
  const moves: TerraMove[] = []
  let place = 0
  for (const { type, attributes } of events) {
    const opening = OPENING_KEYS[type]
    if (opening !== undefined && type !== 'wasm' && attributes[0] !== undefined && attributes[0].key !== opening) return undefined
    for (const group of opening === undefined ? [] : groupsOf(attributes, opening)) {
      const read = type === 'wasm' ? tokenMovesOf(group, place) : coinMovesOf(group, opening === 'receiver' ? 1n : -1n, place)
      if (read === undefined) return undefined
      moves.push(...read)
      place += PLACES_PER_GROUP
    }
  }
  return moves
}

/** Of an event, the line that begins a happening. */
const OPENING_KEYS: Readonly<Partial<Record<string, string>>> = { coin_spent: 'spender', coin_received: 'receiver', wasm: '_contract_address' }
/** Who gave and who got. */
const PLACES_PER_GROUP = 2

/** The coins that a text such as `5uluna,3uusd` names; undefined when it names none that can be. */
export function coinsOf(text: string): readonly { readonly denom: string; readonly amount: bigint }[] | undefined {
  if (text === '') return []
  const read = text.split(',').map((part) => COIN.exec(part))
  return read.every((match) => match !== null) ? read.map(([, amount, denom]) => ({ denom: denom ?? '', amount: BigInt(amount ?? 0) })) : undefined
}

function groupsOf(attributes: readonly TerraAttribute[], opening: string): readonly (readonly TerraAttribute[])[] {
  const groups: TerraAttribute[][] = []
  for (const attribute of attributes) {
    if (attribute.key === opening) groups.push([attribute])
    // Lines before the first holder belong to nobody.
    else groups.at(-1)?.push(attribute)
  }
  return groups
}

function coinMovesOf(group: readonly TerraAttribute[], sign: bigint, place: number): readonly TerraMove[] | undefined {
  const coins = coinsOf(valueOf(group, 'amount') ?? '?')
  const holder = group[0]?.value
  if (coins === undefined || holder === undefined) return undefined
  return coins.map(({ denom, amount }) => ({ holder, name: denom, kind: 'coin', delta: sign * amount, place }))
}

/** A contract writes what it likes: lines that are not those of a CW20 move nothing. */
function tokenMovesOf(group: readonly TerraAttribute[], place: number): readonly TerraMove[] {
  const [action, text, from, to] = ['action', 'amount', 'from', 'to'].map((key) => valueOf(group, key))
  const name = group[0]?.value
  if (name === undefined || action === undefined || !TOKEN_ACTIONS.has(action) || text === undefined || !AMOUNT.test(text)) return []
  const amount = BigInt(text)
  // A mint names who made the tokens nowhere, a burn nobody who got them.
  return [
    ...(from === undefined || action === 'mint' ? [] : [{ holder: from, name, kind: 'token' as const, delta: -amount, place }]),
    ...(to === undefined || action.startsWith('burn') ? [] : [{ holder: to, name, kind: 'token' as const, delta: amount, place: place + 1 }]),
  ]
}

function valueOf(group: readonly TerraAttribute[], key: string): string | undefined {
  return group.find((attribute) => attribute.key === key)?.value
}
