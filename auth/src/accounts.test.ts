import { accountIdOf, emptyAccountState, utf8, type AccountState } from '@evegram/protocol'
import { createNodePrimitives, ManualClock } from '@evegram/platform'
import { expect, it } from 'vitest'
import { Accounts } from './accounts.js'
import { memoryAuthData, memoryAuthStores } from './adapters/memory/auth-stores.js'
import { Challenges } from './challenge.js'
import { TestWallet } from './testing/actors.js'

it('a page never shows more entries than the state that it names, though the log moved on meanwhile', async () => {
  const data = memoryAuthData()
  let state: AccountState = emptyAccountState(accountIdOf(new TestWallet('alice').walletId))
  const append = (): void => {
    const after = { ...state, seq: state.seq + 1, head: new Uint8Array(32).fill(state.seq + 1) }
    data.accounts.append({ before: state, after, entry: utf8(`entry ${String(after.seq)}`), nonces: [], bind: [], release: [] })
    state = after
  }
  append()
  append()
  const stores = memoryAuthStores(data, async (operation, effect) => {
    if (operation === 'read entries') append()
    return effect()
  })
  const clock = new ManualClock()
  const accounts = new Accounts({
    config: { domain: 'chat.example', origin: 'https://chat.example', network: 'mainnet' }, store: stores.accounts, nonces: stores.nonces, clock,
    challenges: new Challenges({ secret: new Uint8Array(32), clock, random: { bytes: (length) => new Uint8Array(length) } }),
    primitives: createNodePrimitives(),
  })
  for (const [after, shown] of [[0, 2], [3, 0], [1, 3]] as const) {
    const page = await accounts.log(state.account, after)
    expect([page.entries.length, page.more, page.state.seq]).toEqual([shown, false, after + shown])
  }
})
