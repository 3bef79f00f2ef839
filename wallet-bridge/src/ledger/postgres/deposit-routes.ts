import { EvegramError, parseAccountId, type AccountId } from '@evegram/protocol'
import { sql, type Kysely } from 'kysely'
import type { ChainAddress, ChainName } from '../../chain/chain-adapter.js'
import type { DepositCode } from '../../flows/deposit/deposit-code.js'
import { isSameRoute, type AddressRoute, type DepositRoutes, type GiveResult } from '../../flows/deposit/deposit-routes.js'
import type { LedgerDatabase } from './database.js'
import { ledgerFailure } from './failures.js'
import { textArray } from './text-array.js'

interface AddressRow {
  readonly address: string
  readonly leads_to: string
  readonly account: string | null
}

/** {@link DepositRoutes} beside the ledger, in the same database. The ledger was opened before: that makes the tables. */
export class PostgresRoutes implements DepositRoutes {
  readonly #queries: Kysely<unknown>

  constructor(database: LedgerDatabase) {
    this.#queries = database.queries
  }

  async giveAddress(chain: ChainName, address: ChainAddress, route: AddressRoute): Promise<GiveResult> {
    return this.#run('give deposit address', async () => {
      const account = route.to === 'account' ? route.account : null
      const { rows } = await sql`INSERT INTO deposit_addresses (chain, address, leads_to, account) VALUES (${chain}, ${address}, ${route.to}, ${account})
        ON CONFLICT DO NOTHING RETURNING address`.execute(this.#queries)
      if (rows.length > 0) return 'given'
      const [before] = await this.#routes(chain, [address])
      return before !== undefined && isSameRoute(before, route) ? 'exists' : 'taken'
    })
  }

  async giveCode(code: DepositCode, account: AccountId): Promise<GiveResult> {
    return this.#run('give deposit code', async () => {
      const { rows } = await sql`INSERT INTO deposit_codes (code, account) VALUES (${code}, ${account}) ON CONFLICT DO NOTHING RETURNING code`.execute(this.#queries)
      if (rows.length > 0) return 'given'
      const [before] = await this.#accounts([code])
      return before === account ? 'exists' : 'taken'
    })
  }

  async addresses(chain: ChainName): Promise<ReadonlySet<ChainAddress>> {
    return this.#run('read deposit addresses', async () => {
      const { rows } = await sql<{ address: string }>`SELECT address FROM deposit_addresses WHERE chain = ${chain}`.execute(this.#queries)
      // In the one form of their chain when they were given.
      return new Set(rows.map(({ address }) => address as ChainAddress))
    })
  }

  async routesOf(chain: ChainName, addresses: readonly ChainAddress[]): Promise<readonly (AddressRoute | undefined)[]> {
    return this.#run('read deposit routes', () => this.#routes(chain, addresses))
  }

  async accountsOf(codes: readonly DepositCode[]): Promise<readonly (AccountId | undefined)[]> {
    return this.#run('read deposit codes', () => this.#accounts(codes))
  }

  async #routes(chain: ChainName, addresses: readonly ChainAddress[]): Promise<readonly (AddressRoute | undefined)[]> {
    const { rows } = await sql<AddressRow>`SELECT address, leads_to, account FROM deposit_addresses
      WHERE chain = ${chain} AND address IN (SELECT unnest(${textArray(addresses)}))`.execute(this.#queries)
    const found = new Map(rows.map((row) => [row.address, routeOf(row)]))
    return addresses.map((address) => found.get(address))
  }

  async #accounts(codes: readonly DepositCode[]): Promise<readonly (AccountId | undefined)[]> {
    const { rows } = await sql<{ code: string; account: string }>`SELECT code, account FROM deposit_codes
      WHERE code IN (SELECT unnest(${textArray(codes)}))`.execute(this.#queries)
    const found = new Map(rows.map(({ code, account }) => [code, parseAccountId(account)]))
    return codes.map((code) => found.get(code))
  }

  async #run<Result>(operation: string, work: () => Promise<Result>): Promise<Result> {
    try {
      return await work()
    } catch (failure) {
      throw ledgerFailure(failure, operation)
    }
  }
}

function routeOf({ leads_to: to, account }: AddressRow): AddressRoute {
  if (to === 'account' && account !== null) return { to, account: parseAccountId(account) }
  if (to === 'memo' || to === 'nobody') return { to }
  throw new EvegramError('internal', { operation: 'read deposit route' })
}
