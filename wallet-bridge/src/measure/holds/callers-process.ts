// Started by main.ts: several ledgers on one PostgreSQL, with connections of their own. Says when it is ready, asks when it is told to, answers, ends.
import { systemClock, systemRandom } from '@evegram/platform'
import { openPostgresLedger, postgresDatabase } from '../../ledger/postgres/index.js'
import { askForHolds } from './hold-callers.js'

const [url = '', ledgers = '1', from = '0', to = '0'] = process.argv.slice(2)
const databases = Array.from({ length: Number(ledgers) }, () => postgresDatabase(url, { connectionsMax: 1 }))
const stores = await Promise.all(databases.map((database) => openPostgresLedger({ database, clock: systemClock(), random: systemRandom(), synced: true })))

process.once('message', () => {
  void (async () => {
    const answers = await askForHolds(stores, Number(from), Number(to))
    for (const store of stores) await store.close()
    for (const database of databases) await database.close()
    process.send?.({ answers }, undefined, undefined, () => { process.disconnect() })
  })()
})
process.send?.({ ready: true })
