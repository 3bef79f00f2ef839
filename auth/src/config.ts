import { EvegramError } from '@evegram/protocol'
import { isCanonicalDomain, isCanonicalOrigin, type Network } from '@evegram/protocol/proof'

/** What auth must be told. Nothing of it ever comes from a request. */
export interface AuthConfig {
  /** Domain that wallets sign for, as `domainOf` writes it. */
  readonly domain: string
  /** Origin of that domain, as `originOf` writes it: URI line of proofs, base of DPoP's `htu`. */
  readonly origin: string
  readonly network: Network
  /** Multiplies all rates and bursts, for load tests. Default 1. */
  readonly rateFactor?: number
}

/** Throws `invalid.config` for a domain, origin or factor that cannot work. */
export function checkAuthConfig(config: AuthConfig): void {
  const problem = !isCanonicalDomain(config.domain) ? 'domain'
    : !isCanonicalOrigin(config.origin) ? 'origin'
      : !((config.rateFactor ?? 1) >= 1) ? 'rateFactor' : undefined
  if (problem !== undefined) throw new EvegramError('invalid.config', { operation: 'start auth', details: { setting: problem } })
}

/** Bounds and times of auth beside those of the wire (`LIMITS`). */
export const AUTH_LIMITS = {
  /** A used nonce is remembered this much longer than it lives, so that a step of the wall clock revives none. */
  usedNonceMarginMs: 24 * 3_600_000,
  /** Rows that one step of a sweep looks at, and steps of one sweep: together far more than sign-ins of its interval. */
  sweepRowsMax: 1_000,
  sweepStepsMax: 100,
  sweepIntervalMs: 30_000,
  /** Ended and expired sessions stay this long, so that their tokens are answered by name. */
  endedSessionMs: 7 * 24 * 3_600_000,
  /** Sessions of one device that are open at once; one more ends the oldest. */
  sessionsPerDeviceMax: 8,
  /** Entries and bytes of one page of a log. */
  logPageEntriesMax: 256,
  logPageBytesMax: 1_048_576,
  /** Appends that wait or run at once, in all and for one account. */
  appendsMax: 4_096,
  appendsPerAccountMax: 2_048,
  /** Longest access token that is looked at. */
  accessTokenCharactersMax: 2_048,
  /** Listeners of one kind. */
  listenersMax: 64,
} as const
