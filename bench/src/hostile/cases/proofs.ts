import type { Chain } from '@evegram/protocol/proof'
import { attempt, type Attempt } from '../../attempt.js'
import type { HostileCase, HostileContext } from '../case.js'
import { forgeEntry, freshKeys, post, postForged, type Forgery } from '../forge.js'

const CHAINS: readonly Chain[] = ['solana', 'ton', 'terra']
const HOUR_MS = 3_600_000

/** The same forgery with a wallet of each chain. */
function onAllChains(context: HostileContext, expected: string, forgery: (chain: Chain) => Forgery): Promise<Attempt[]> {
  return inTurn(CHAINS, (chain) => attempt(`${chain} wallet`, expected, () => postForged(context, { chain, ...forgery(chain) })))
}

async function inTurn<Item>(items: readonly Item[], work: (item: Item) => Promise<Attempt>): Promise<Attempt[]> {
  const attempts: Attempt[] = []
  for (const item of items) attempts.push(await work(item))
  return attempts
}

/** A text that wallets sign at another site, sent to us as it is; and again with the claims rewritten to ours. */
function wrongDomain(name: string, claim: string, domainOf: (context: HostileContext) => string): HostileCase {
  return {
    name, claim,
    async run(context) {
      const domain = domainOf(context)
      const [scheme] = context.origin.split('//')
      const origin = `${scheme ?? 'http:'}//${domain}`
      return [
        ...await onAllChains(context, '401 proof.domain', () => ({ request: (honest) => ({ ...honest, domain, origin }) })),
        ...await onAllChains(context, '401 proof.signature', () => ({
          request: (honest) => ({ ...honest, domain, origin }), proof: (signed) => ({ ...signed, domain: context.domain, origin: context.origin, ...lengthOf(context, signed) }),
        })),
      ]
    },
  }
}

/** A TON proof says how long its domain is, outside of what the wallet shows. */
function lengthOf(context: HostileContext, proof: object): { readonly tonDomainBytes?: number } {
  return 'tonDomainBytes' in proof ? { tonDomainBytes: context.domain.length } : {}
}

/** Spellings that no honest wallet can be asked for: the claims alone carry them. */
function misspelt(name: string, claim: string, spell: (domain: string) => string): HostileCase {
  return {
    name, claim,
    run: (context) => onAllChains(context, '401 proof.domain', () => ({ proof: (signed) => ({ ...signed, domain: spell(context.domain) }) })),
  }
}

/** Proofs that are good for something else than what they are used for. */
export const PROOF_CASES: readonly HostileCase[] = [
  wrongDomain('domain-suffix', 'a proof made at <our domain>.evil.example', ({ domain }) => `${domain.replace(/:\d+$/, '')}.evil.example`),
  wrongDomain('domain-punycode', 'a proof made at a look-alike in punycode', ({ httpPort }) => `xn--lcalhost-54a:${String(httpPort)}`),
  wrongDomain('domain-port', 'a proof made at another port of our host', ({ httpPort }) => `localhost:${String(httpPort === 65_535 ? 1_024 : httpPort + 1)}`),
  misspelt('domain-case', 'our domain in other letters', (domain) => domain.toUpperCase()),
  misspelt('domain-userinfo', 'our domain as the user name of another host', (domain) => `${domain}@evil.example`),
  {
    name: 'proof-purpose', claim: 'a proof for another purpose, and a nonce for another purpose',
    async run(context) {
      return [
        ...await onAllChains(context, '401 proof.purpose', () => ({ nonce: { purpose: 'erase' }, request: (honest) => ({ ...honest, purpose: 'erase' }) })),
        await attempt('nonce of a session', '401 proof.nonce', () => postForged(context, { nonce: { purpose: 'session' } })),
        await attempt('claims rewritten', '401 proof.signature', () => postForged(context, {
          request: (honest) => ({ ...honest, purpose: 'erase' }), proof: (signed) => ({ ...signed, purpose: 'add-device' }),
        })),
      ]
    },
  },
  {
    name: 'proof-expired', claim: 'a proof past its time, one from the future, and one that lives too long',
    async run(context) {
      const shifted = (byMs: number): Forgery => ({
        request: (honest) => ({ ...honest, issuedAtMs: honest.issuedAtMs + byMs, expirationTimeMs: honest.expirationTimeMs + byMs }),
      })
      return [
        ...await onAllChains(context, '401 proof.expired', () => shifted(-HOUR_MS)),
        ...await onAllChains(context, '401 proof.not_yet_valid', () => shifted(HOUR_MS)),
        await attempt('a life of an hour', '401 proof.malformed', () => postForged(context, {
          proof: (signed) => ({ ...signed, expirationTimeMs: signed.issuedAtMs + HOUR_MS }),
        })),
      ]
    },
  },
  {
    name: 'proof-elsewhere', claim: 'a proof for another account, device, log or nonce',
    async run(context) {
      const [alice, bob] = [await context.newDevice(), await context.newDevice()]
      const other = await freshKeys(context)
      const { wallet } = alice.device
      const { state } = alice
      return [
        await attempt('another account', '401 proof.account', () => postForged(context, { wallet, state, request: (honest) => ({ ...honest, account: bob.state.account }) })),
        await attempt('another device', '401 proof.device', () => postForged(context, {
          wallet, state, nonce: { device: other.device }, request: (honest) => ({ ...honest, device: other.device }),
        })),
        await attempt('nonce of another device', '401 proof.nonce', () => postForged(context, { wallet, state, nonce: { device: other.device } })),
        await attempt('the log before its last entry', '401 proof.log', () => postForged(context, {
          wallet, state, request: (honest) => ({ ...honest, logSeq: 0, logHead: new Uint8Array(32) }),
        })),
        await attempt('a nonce that nobody issued', '401 proof.nonce', () => postForged(context, {
          wallet, state, request: (honest) => ({ ...honest, nonce: honest.nonce.split('').reverse().join('') }),
        })),
        await attempt('a wallet that is in no account of these', '403 account.wallet_unknown', () => postForged(context, { wallet: bob.device.wallet, state })),
        await attempt('an entry posted to another account', '403 account.mismatch', async () => {
          const { bytes } = await forgeEntry(context, { wallet, state })
          return post(context, bob.state.account, bytes)
        }),
        await attempt('an account that another wallet founds', '403 account.mismatch', () => postForged(context, {
          state: { ...alice.state, seq: 0, head: new Uint8Array(32), account: (alice.state.account.split('').reverse().join('')) as typeof alice.state.account },
        })),
      ]
    },
  },
]
