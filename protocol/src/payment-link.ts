import { base58 } from '@scure/base'
import { formatDecimalAmount } from './decimal-amount.js'
import { EvegramError } from './errors.js'
import type { Network } from './proof/network.js'
import { parseAddress } from './proof/wallet-id.js'

/** What a payment link asks for. */
export interface PaymentLinkTerms {
  /** Where the money goes, as the chain writes it. Show it in full beside the link: the link alone is easily exchanged. */
  readonly address: string
  /** `<chain>/<token>`: `solana/sol`, `solana/<mint>`, `ton/ton`, `ton/<jetton master>`. */
  readonly asset: string
  /** In the smallest unit, above 0; absent: the payer's wallet asks. */
  readonly amount?: bigint
  /** Places of the asset: Solana Pay writes whole units. */
  readonly decimals: number
  /** Goes onto the chain with the payment, for everybody to read: the code that leads to an account, never what people say to each other. */
  readonly memo?: string
  /** Solana alone: 32 bytes in base58 by which the payment can be found on the chain. */
  readonly reference?: string
  /** Default `mainnet`. */
  readonly network?: Network
}

/** Characters of a memo in a link. */
const MEMO_CHARACTERS_MAX = 64
const MEMO = /^[\x20-\x7e]*$/

/**
 * The link that a wallet opens to pay, or undefined where no wallet documents one.
 *
 * Solana: a transfer request of Solana Pay 1.1 (a standard), `solana:<address>?amount=&spl-token=&reference=&memo=`. TON: `ton://transfer/<address>?amount=&jetton=&text=`
 * as docs.ton.org describes it (a convention of wallets: not all know `jetton`); never `bin` or `init`, which would have the payer sign a message that nobody can
 * read. Terra Classic: undefined, since neither Keplr nor Station documents a link that pays (Keplr's deep links open a page in its browser, or a WalletConnect
 * session): address, amount and memo are shown to be copied.
 *
 * Throws `invalid.address` for what is no address of that chain, `invalid.argument` for an amount of 0, a memo over 64 characters or not of ASCII, or a bad reference.
 */
export function paymentLink(terms: PaymentLinkTerms): string | undefined {
  const slash = terms.asset.indexOf('/')
  const [chain, token] = [terms.asset.slice(0, slash), terms.asset.slice(slash + 1)]
  if (terms.amount !== undefined && terms.amount <= 0n) refuse('amount')
  if (terms.memo !== undefined && (terms.memo.length > MEMO_CHARACTERS_MAX || !MEMO.test(terms.memo))) refuse('memo')
  switch (chain) {
    case 'solana': return solanaPayLink(terms, token)
    case 'ton': return tonLink(terms, token)
    default: return undefined
  }
}

function solanaPayLink({ address, amount, decimals, memo, reference, network }: PaymentLinkTerms, token: string): string {
  const query = [
    field('amount', amount === undefined ? undefined : formatDecimalAmount(amount, decimals)), field('spl-token', token === 'sol' ? undefined : canonical(token, 'solana', network)),
    field('reference', reference === undefined ? undefined : checkedReference(reference)), field('memo', memo),
  ]
  return withQuery(`solana:${canonical(address, 'solana', network)}`, query)
}

function tonLink({ address, amount, memo, network }: PaymentLinkTerms, token: string): string {
  const query = [
    field('amount', amount?.toString()), field('jetton', token === 'ton' ? undefined : checkedMaster(token, network)), field('text', memo),
  ]
  return withQuery(`ton://transfer/${canonical(address, 'ton', network)}`, query)
}

/** The address as its chain prints it; one of another chain would send money to nowhere. */
function canonical(text: string, chain: 'solana' | 'ton', network: Network = 'mainnet'): string {
  const parsed = parseAddress(text, { network })
  if (parsed.chain !== chain) throw new EvegramError('invalid.address', { operation: 'make payment link', advice: 'The address is of another chain than the asset.' })
  return parsed.address
}

/** A contract, which wallets and explorers write in its bounceable form: checked, and left as it is. */
function checkedMaster(text: string, network: Network | undefined): string {
  canonical(text, 'ton', network)
  return text
}

function checkedReference(text: string): string {
  const isKey = /^[1-9A-HJ-NP-Za-km-z]{32,44}$/.test(text) && base58.decode(text).length === 32
  return isKey ? text : refuse('reference')
}

function field(name: string, value: string | undefined): string | undefined {
  // encodeURIComponent and not URLSearchParams: wallets read "+" as a plus, not as a blank.
  return value === undefined || value === '' ? undefined : `${name}=${encodeURIComponent(value)}`
}

function withQuery(base: string, fields: readonly (string | undefined)[]): string {
  const present = fields.filter((one) => one !== undefined)
  return present.length === 0 ? base : `${base}?${present.join('&')}`
}

function refuse(what: string): never {
  throw new EvegramError('invalid.argument', { operation: 'make payment link', details: { field: what } })
}
