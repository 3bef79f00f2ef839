import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { acceptRequest, go, say, write } from './testing/drive.js'
import { nodePerson } from './testing/node-person.js'
import { overflowsOf } from './testing/overflow.js'
import { accessibilityFaults, Scene, SHOWN_MS, type Person } from './testing/scene.js'

// A whole server with a build before it, and browsers: a busy machine may take its time.
vi.setConfig({ testTimeout: 240_000, hookTimeout: 500_000 })

const TRANSFERS = '**/v1/wally/transfers'

describe('money in a chat, on the page', () => {
  let scene: Scene
  let alice: Person
  let bob: Person
  let chat: string
  beforeAll(async () => {
    scene = await Scene.start()
    ;[alice, bob] = [await scene.person('Solana'), await scene.person('TON')]
    await write(alice, bob.address, 'the ferry was not cheap')
    chat = await alice.page.evaluate(() => location.hash)
    await acceptRequest(bob.page)
    await say(bob.page, 'I will ask you for my half')
    await go(alice.page, '#/wallet')
    await alice.page.getByRole('button', { name: 'Get play money' }).click()
    await alice.page.getByText('20 PLAY').first().waitFor()
    await go(alice.page, chat)
  })
  afterAll(async () => { await scene.close() })

  const bubble = (page: Page, text: string): ReturnType<Page['locator']> => page.locator('.bubble', { hasText: text }).last()
  const open = async (page: Page): Promise<void> => {
    await page.getByRole('button', { name: 'Send or ask for money' }).click()
    await page.getByLabel('Amount').waitFor()
  }
  const close = async (page: Page): Promise<void> => {
    await page.keyboard.press('Escape')
    await page.getByRole('dialog').waitFor({ state: 'detached' })
  }
  const purse = async (page: Page): Promise<string> => {
    await open(page)
    const text = await page.locator('.pay-form', { hasText: 'Amount' }).getByText(/^You have /).textContent() ?? ''
    await close(page)
    return text
  }

  it('is asked for, looked over, paid, and believed by both sides because of their own wallets', async () => {
    await open(bob.page)
    expect(await bob.page.getByText('You have none of this to send.').count()).toBe(1)
    await bob.page.getByText('Ask', { exact: true }).click()
    await bob.page.getByLabel('Amount').fill('5,5')
    await bob.page.getByLabel('Note').fill('half of the ferry')
    expect(await accessibilityFaults(bob.page)).toEqual([])
    await bob.page.getByRole('button', { name: 'Ask for money', exact: true }).click()
    await bubble(bob.page, 'You ask for 5.5 PLAY').getByText(/^Open until/).waitFor()
    const asked = bubble(alice.page, 'Asks you for 5.5 PLAY')
    await asked.getByText('half of the ferry').waitFor()
    await asked.getByRole('button', { name: 'Pay', exact: true }).click()
    const dialog = alice.page.getByRole('dialog')
    await dialog.locator('.address', { hasText: bob.address }).waitFor()
    await dialog.getByText('You have not compared their safety number.', { exact: false }).waitFor()
    expect(await accessibilityFaults(alice.page)).toEqual([])
    await dialog.getByRole('button', { name: 'Send 5.5 PLAY' }).click()
    await bubble(alice.page, 'You paid 5.5 PLAY').getByText('It left your wallet.').waitFor()
    await asked.getByText('You paid it.').waitFor()
    expect(await asked.getByRole('button', { name: 'Pay', exact: true }).count()).toBe(0)
    await bubble(bob.page, 'You received 5.5 PLAY').getByText('It is in your wallet.').waitFor()
    await bubble(bob.page, 'You ask for 5.5 PLAY').getByText('Paid: it is in your wallet.').waitFor()
    expect([await purse(alice.page), await purse(bob.page)]).toEqual(['You have 14.5 PLAY.', 'You have 5.5 PLAY.'])
    expect(await accessibilityFaults(bob.page)).toEqual([])
  })

  it('is not sent when there is too little, and says so, before and after the server was asked', async () => {
    const { page } = alice
    await open(page)
    await page.getByLabel('Amount').fill('14.51')
    await page.getByText('At most 14.5 PLAY.').waitFor()
    expect(await page.getByRole('button', { name: 'Look it over' }).isDisabled()).toBe(true)
    await page.getByLabel('Amount').fill('14.5')
    await page.getByRole('button', { name: 'Look it over' }).click()
    // Spent by another device in the moment before the last button.
    await page.route(TRANSFERS, (route) => route.fulfill({ status: 409, json: { error: { code: 'wallet.insufficient_funds', message: 'The account holds less than that.' } } }))
    await page.getByRole('button', { name: 'Send 14.5 PLAY' }).click()
    const refused = page.locator('.pay-pending li', { hasText: 'Not paid. There is not enough.' })
    await refused.waitFor()
    await page.unroute(TRANSFERS)
    await page.reload()
    await refused.waitFor()
    expect(await accessibilityFaults(page)).toEqual([])
    await refused.getByRole('button', { name: 'Hide the payment of 14.5 PLAY' }).click()
    await refused.waitFor({ state: 'detached' })
    expect([await purse(page), await page.locator('.bubble', { hasText: 'You paid 14.5 PLAY' }).count()]).toEqual(['You have 14.5 PLAY.', 0])
  })

  it('goes once when the page is loaded again before the answer came', async () => {
    const { page } = alice
    let asked = 0
    await page.route(TRANSFERS, async (route) => {
      asked += 1
      // The server does it, and nobody hears of it.
      await route.fetch()
      await route.abort()
    }, { times: 1 })
    await open(page)
    await page.getByLabel('Amount').fill('2')
    await page.getByRole('button', { name: 'Look it over' }).click()
    await page.getByRole('button', { name: 'Send 2 PLAY' }).click()
    await expect.poll(() => asked, { timeout: SHOWN_MS }).toBe(1)
    await page.reload()
    await bubble(page, 'You paid 2 PLAY').getByText('It left your wallet.').waitFor()
    await bubble(bob.page, 'You received 2 PLAY').getByText('It is in your wallet.').waitFor()
    await page.locator('.pay-pending').waitFor({ state: 'detached' })
    expect([await purse(page), await purse(bob.page)]).toEqual(['You have 12.5 PLAY.', 'You have 7.5 PLAY.'])
    expect([await page.locator('.bubble', { hasText: 'You paid 2 PLAY' }).count(), await bob.page.locator('.bubble', { hasText: 'You received 2 PLAY' }).count()]).toEqual([1, 1])
  })

  it('that somebody only says they paid is not shown as paid', async () => {
    const mallory = await nodePerson(scene.url, 'terra')
    try {
      const toBob = await mallory.client.conversation(bob.address)
      // A client that lies: there is no transfer behind its message, so it has no method for it.
      const liar = toBob as unknown as { say(content: unknown): Promise<{ readonly acked: Promise<unknown> }> }
      await (await liar.say({ kind: 'payment', body: { transfer: 'invented', asset: 'simulated/play', amount: '1000000', note: 'a thousand' } })).acked
      await bob.page.locator('.requests-entry').click()
      await bob.page.locator('.panel .card').first().click()
      await bubble(bob.page, 'Says that they paid you').getByText('Not in your wallet.').waitFor()
      expect(await bob.page.locator('.bubble', { hasText: 'You received' }).count()).toBe(0)
    } finally {
      await mallory.client.close()
    }
  })

  it('fits a small phone in both directions of writing', async () => {
    const { page } = alice
    await page.setViewportSize({ width: 360, height: 740 })
    const faults: string[] = []
    for (const direction of ['ltr', 'rtl'] as const) {
      await page.evaluate((to) => { document.documentElement.dir = to }, direction)
      const look = async (what: string): Promise<void> => { faults.push(...(await overflowsOf(page)).map((fault) => `${direction} ${what}: ${fault}`)) }
      await look('bubbles')
      await open(page)
      await page.getByLabel('Amount').fill('1,500')
      await look('what is wrong')
      await page.getByRole('button', { name: /^All of it/ }).click()
      await page.getByLabel('Note').fill('word '.repeat(60))
      await look('form')
      await page.getByRole('button', { name: 'Look it over' }).click()
      await look('review')
      await close(page)
    }
    await page.evaluate(() => { document.documentElement.removeAttribute('dir') })
    expect(faults).toEqual([])
  })

  it('was never refused anything by the policy of the page, and threw nothing', () => {
    expect([...alice.complaints, ...bob.complaints]).toEqual([])
  })
})
