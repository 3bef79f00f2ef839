import { ManualClock, systemRandom } from '@evegram/platform'
import { expect, it } from 'vitest'
import { parseChainName } from '../../chain/chain-adapter.js'
import { PostgresChainIdentities } from './chain-identities.js'
import { embeddedDatabase } from './database.js'
import { openPostgresLedger } from './ledger-store.js'
import { pauseRestored } from './pause-restored.js'
import { PostgresPayoutStore } from './payout-store.js'

it('a restored ledger pauses every chain that it knows, but those that were restored with it, until it is resumed', async () => {
  const database = await embeddedDatabase()
  const parts = { database, clock: new ManualClock(), random: systemRandom(), synced: false }
  try {
    expect(await pauseRestored(parts)).toEqual([])
    const [simulated, solana, ton, terra] = [parseChainName('simulated'), parseChainName('solana'), parseChainName('ton'), parseChainName('terra')]
    const identities = new PostgresChainIdentities(database)
    for (const chain of [simulated, solana, ton]) await identities.claim(chain, 'one')
    const payouts = new PostgresPayoutStore(await openPostgresLedger(parts), database)
    await payouts.setPaused(ton, true, 'olga')
    expect(await pauseRestored(parts, [simulated])).toEqual([solana, ton])
    const reasons = async () => Promise.all([simulated, solana, ton, terra].map((chain) => payouts.pausedFor(chain)))
    expect(await reasons()).toEqual([undefined, 'restored', 'restored', undefined])
    // A pause of a person on top of it says nothing new; a resume ends both.
    await payouts.setPaused(solana, true, 'olga')
    expect(await reasons()).toEqual([undefined, 'restored', 'restored', undefined])
    await payouts.setPaused(solana, false, 'olga')
    await (await openPostgresLedger(parts)).close()
    expect(await reasons()).toEqual([undefined, undefined, 'restored', undefined])
  } finally {
    await database.close()
  }
}, 120_000)
