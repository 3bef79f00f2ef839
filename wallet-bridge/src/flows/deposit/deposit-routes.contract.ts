import { parseAccountId } from '@evegram/protocol'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { parseChainName } from '../../chain/chain-adapter.js'
import { somebody } from '../../chain/simulated/simulated-world.contract.js'
import { countingRandom } from '../../chain/simulated/simulated-world.contract.js'
import { newDepositCode } from './deposit-code.js'
import type { DepositRoutes } from './deposit-routes.js'

/** Routes under test. */
export interface RoutesSubject {
  readonly routes: DepositRoutes
  close(): Promise<void>
}

/** The promises of {@link DepositRoutes}, run by every adapter. `setup` gives a fresh, empty store. */
export function describeDepositRoutes(adapter: { readonly name: string; readonly setup: () => Promise<RoutesSubject> }): void {
  const [one, other] = [parseAccountId('1'.repeat(32)), parseAccountId('2'.repeat(32))]
  const [ton, terra] = [parseChainName('ton'), parseChainName('terra')]
  const [here, there] = [somebody('here'), somebody('there')]

  describe(`DepositRoutes: ${adapter.name}`, () => {
    let subject: RoutesSubject
    let routes: DepositRoutes
    beforeEach(async () => {
      subject = await adapter.setup()
      routes = subject.routes
    })
    afterEach(async () => {
      await subject.close()
    })

    it('leads an address to one account for ever, on its own chain', async () => {
      expect(await routes.giveAddress(ton, here, { to: 'account', account: one })).toBe('given')
      expect(await routes.giveAddress(ton, here, { to: 'account', account: one })).toBe('exists')
      expect(await routes.giveAddress(ton, here, { to: 'account', account: other })).toBe('taken')
      expect(await routes.giveAddress(ton, here, { to: 'memo' })).toBe('taken')
      expect(await routes.giveAddress(ton, there, { to: 'memo' })).toBe('given')
      expect(await routes.giveAddress(terra, here, { to: 'nobody' })).toBe('given')
      expect(await routes.routesOf(ton, [there, here, somebody('else')])).toEqual([{ to: 'memo' }, { to: 'account', account: one }, undefined])
      expect(await routes.routesOf(terra, [here])).toEqual([{ to: 'nobody' }])
      expect([...await routes.addresses(ton)].sort()).toEqual([here, there].sort())
      expect(await routes.addresses(parseChainName('solana'))).toEqual(new Set())
    })

    it('leads a code to one account for ever', async () => {
      const random = countingRandom('codes')
      const [code, unknown] = [newDepositCode(random), newDepositCode(random)]
      expect(await routes.giveCode(code, one)).toBe('given')
      expect(await routes.giveCode(code, one)).toBe('exists')
      expect(await routes.giveCode(code, other)).toBe('taken')
      expect(await routes.accountsOf([unknown, code])).toEqual([undefined, one])
    })
  })
}
