import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ManualClock } from '@evegram/platform'
import { isEvegramError, utf8 } from '@evegram/protocol'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { amountOf } from '../../ledger/amount.js'
import { AgreedChain } from '../agreed-chain.js'
import { FAUCET_AMOUNT_MAX, PlayNetwork } from './play-network.js'
import { countingRandom, somebody } from './simulated-world.contract.js'

let folder: string
let clock: ManualClock
const opened: PlayNetwork[] = []
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'evegram-play-'))
  clock = new ManualClock()
})
afterEach(async () => {
  for (const network of opened.splice(0)) await network.close()
  await rm(folder, { recursive: true, force: true })
})

async function open(inside = 'chain'): Promise<PlayNetwork> {
  const network = await PlayNetwork.open({ folder: join(folder, inside), clock, random: countingRandom(inside) })
  opened.push(network)
  return network
}

async function blocks(network: PlayNetwork, count: number): Promise<void> {
  for (let block = 0; block < count; block++) {
    const before = network.head.latest
    clock.advance(network.rules.blockMs)
    // A block that becomes final is synced to a real disk.
    await expect.poll(() => network.head.latest, { interval: 1 }).toBe(before + 1)
  }
  await network.stop()
}

const bob = somebody('bob')

describe('PlayNetwork', () => {
  it('makes blocks by itself, gives play money, and has it after its process ended', async () => {
    const network = await open()
    network.start((error) => { throw error })
    network.give({ to: bob, amount: amountOf(1_500_000n), memo: utf8('evg1') })
    await blocks(network, 6)
    expect(network.balance(bob)).toEqual({ address: bob, amount: 1_500_000n, height: 3 })
    const again = await open()
    expect(again.balance(bob).amount).toBe(1_500_000n)
    expect(again.identity).toBe(network.identity)
    expect((await open('another')).identity).not.toBe(network.identity)
  })

  it('has two sources that agree on what came', async () => {
    const network = await open()
    const chain = new AgreedChain({ sources: network.sources, alarm: (disagreement) => { throw new Error(disagreement.about) } })
    network.start((error) => { throw error })
    network.give({ to: bob, amount: amountOf(7n) })
    await blocks(network, 6)
    const { final } = await chain.head()
    const told = await chain.watch({ addresses: new Set([bob]), after: 0, upTo: final, limit: 10 })
    expect(told).toMatchObject({ status: 'agreed', value: { transfers: [{ amount: 7n, direction: 'in', asset: 'simulated/play' }] } })
    expect(network.sources).toHaveLength(2)
  })

  it('gives no more than its bounds', async () => {
    const network = await open()
    for (const amount of [0n, FAUCET_AMOUNT_MAX + 1n]) expect(() => network.give({ to: bob, amount: amountOf(amount) })).toThrow('invalid.argument')
    expect(() => network.give({ to: bob, amount: amountOf(1n), memo: new Uint8Array(257) })).toThrow('invalid.argument')
    expect(() => network.give({ to: bob.toUpperCase(), amount: amountOf(1n) })).toThrow('invalid.address')
    let given = 0
    const ask = (): void => {
      for (; given < 1_000; given++) network.give({ to: bob, amount: amountOf(1n) })
    }
    expect(ask).toThrow(expect.toSatisfy((error) => isEvegramError(error, 'limited.rate')))
    expect(given).toBe(100)
    clock.advance(1_000)
    expect(ask).toThrow('limited.rate')
    expect(given).toBe(110)
  })
})
