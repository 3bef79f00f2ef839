import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { takeTour, type TourBalance } from './testing/chain-tour.js'
import { foundTerrad, NO_TERRAD } from './testing/found-terrad.js'
import { buildPrograms, evegram, temporaryFolder, TestChain, TestServer } from './testing/programs.js'

// A dozen programs, and blocks of a real node.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 })

declare module 'vitest' {
  interface TaskMeta {
    /** What `npm run terra:node` prints. */
    balances?: readonly TourBalance[]
  }
}

const found = foundTerrad()

describe.skipIf(found === undefined)(`the tour of README.md on a real Terra node${found === undefined ? `: ${NO_TERRAD}` : ` (terrad ${found.version})`}`, () => {
  let folder: ReturnType<typeof temporaryFolder>
  let dataDir: string
  let chain: TestChain
  let server: TestServer

  beforeAll(async () => {
    await buildPrograms()
    folder = temporaryFolder()
    dataDir = join(folder.path, 'data')
    mkdirSync(join(folder.path, 'terra'))
    chain = new TestChain('terra', ['--program', found?.path ?? '', '--block-ms', '200', '--within', folder.path], 'node')
    server = new TestServer(dataDir, { EVEGRAM_TERRA: await chain.url })
    await server.start()
  })
  afterAll(async () => {
    await server.kill('SIGTERM')
    await chain.stop()
    folder.remove()
  })

  it('leads from the faucet through a chat back to the chain, every balance right to the smallest unit as the node itself says', async ({ task }) => {
    const { lcd = '', url = '' } = await chain.facts
    const balances = await takeTour({ chain: 'terra', symbol: 'LUNC', whole: 1_000_000n, networkFee: async (_payer, _url, amount) => 200_000n * 28_325n / 1_000n + await taxOf(lcd, amount) }, {
      run: (args, cwd) => evegram([...args, '--json'], { environment: { EVEGRAM_SERVER: server.url, HOME: folder.path }, cwd: join(folder.path, cwd) }), url, dataDir,
    })
    // Past server, bridge and front.
    for (const { who, address, after } of balances) expect([who, await held(lcd, address)]).toEqual([who, after])
    task.meta.balances = balances
  })

  it('leaves no node behind when the program that runs it is killed', async () => {
    const { lcd = '' } = await chain.facts
    const syncing = (): Promise<Response> => fetch(`${lcd}/cosmos/base/tendermint/v1beta1/syncing`)
    expect((await syncing()).status).toBe(200)
    await chain.stop('SIGKILL')
    await vi.waitFor(async () => { await expect(syncing()).rejects.toThrow() }, { timeout: 20_000, interval: 100 })
  })
})

async function held(lcd: string, address: string): Promise<string> {
  const { balance } = await (await fetch(`${lcd}/cosmos/bank/v1beta1/balances/${address}/by_denom?denom=uluna`)).json() as { readonly balance: { readonly amount: string } }
  return balance.amount
}

/** What the node takes of uluna that is sent: nothing before there was a tax module. */
async function taxOf(lcd: string, amount: bigint): Promise<bigint> {
  const response = await fetch(`${lcd}/terra/tax/v1beta1/burn_tax_rate`)
  if (response.status === 501) return 0n
  const { tax_rate: rate } = await response.json() as { readonly tax_rate: string }
  const unit = 10n ** 18n
  return (amount * BigInt(rate.replace('.', '')) + unit - 1n) / unit
}
