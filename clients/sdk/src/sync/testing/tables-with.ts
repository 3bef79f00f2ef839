import type { StoreTable } from '../../store/local-store.js'
import type { TestClient } from './test-client.js'

const TABLES = Object.keys({
  meta: true, sessions: true, prekeys: true, accounts: true, conversations: true, messages: true, handled: true, chains: true, outbox: true, healing: true, payments: true,
  channels: true, files: true, state: true, history: true,
} satisfies Record<StoreTable, true>)

/** Tables of a profile with rows that say `text` in clear. */
export async function tablesWith(test: TestClient, text: string): Promise<StoreTable[]> {
  const found: StoreTable[] = []
  // The keys of the constant are those of the type.
  for (const table of TABLES as StoreTable[]) {
    const rows = await test.store.list(table, { limit: 10_000 })
    if (rows.some(({ value }) => Buffer.from(value).includes(text))) found.push(table)
  }
  return found
}
