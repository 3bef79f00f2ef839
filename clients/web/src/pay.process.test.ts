import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { acceptRequest, foundGroup, go, say, write } from './testing/drive.js'
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

  it('is sent to and asked of one member of a group, in the direct conversation with them, which the dialog says', async () => {
    const { page } = alice
    const group = `#/c/${await foundGroup(page, 'Ferry crew', [bob.address])}`
    await open(page)
    const dialog = page.getByRole('dialog')
    // Even where there is only one to choose: money never goes where nobody said.
    expect(await dialog.getByLabel('To whom').locator('option').count()).toBe(1)
    await dialog.getByText('It goes into your direct conversation with them.').waitFor()
    await page.getByLabel('Amount').fill('0.25')
    await page.getByLabel('Note').fill('for the crew')
    expect(await accessibilityFaults(page, '.pay')).toEqual([])
    await page.getByRole('button', { name: 'Look it over' }).click()
    await dialog.locator('.address', { hasText: bob.address }).waitFor()
    await page.getByRole('button', { name: 'Send 0.25 PLAY' }).click()
    await bubble(page, 'for the crew').getByText('It left your wallet.').waitFor()
    expect(await page.evaluate(() => location.hash)).toBe(chat)
    await bubble(bob.page, 'for the crew').getByText('It is in your wallet.').waitFor()
    await go(page, group)
    await open(page)
    await page.getByText('Ask', { exact: true }).click()
    await dialog.getByLabel('Whom to ask').waitFor()
    await page.getByLabel('Amount').fill('0.25')
    await page.getByLabel('Note').fill('back from the crew')
    await page.getByRole('button', { name: 'Ask for money', exact: true }).click()
    await bubble(page, 'back from the crew').getByText(/^Open until/).waitFor()
    await go(page, group)
    expect(await page.locator('.bubble', { hasText: 'crew' }).count()).toBe(0)
    await go(page, chat)
    await bubble(bob.page, 'back from the crew').getByRole('button', { name: 'Pay', exact: true }).waitFor()
  })

  it('goes by the keyboard alone: the focus is where the next key is needed, is seen, and comes back to where it was', async () => {
    const { page } = bob
    const focused = (): Promise<string> => page.evaluate(() => { const { activeElement: at } = document; return at?.getAttribute('aria-label') ?? at?.id ?? at?.tagName ?? '' })
    const ring = (): Promise<string> => page.evaluate(() => getComputedStyle(document.activeElement ?? document.body).outlineStyle)
    // From the field back to the purse, and what it opens.
    await page.locator('#composer-field').focus()
    await page.keyboard.press('Shift+Tab')
    expect(await focused()).toBe('Send or ask for money')
    await page.keyboard.press('Enter')
    await expect.poll(() => page.getByLabel('Amount').evaluate((field) => field === document.activeElement)).toBe(true)
    await page.keyboard.type('0')
    expect(await page.locator('.pay .wrong').textContent()).toBe('')
    await page.keyboard.type('.5')
    await page.keyboard.press('Escape')
    await expect.poll(focused).toBe('Send or ask for money')
    // A request: its button goes when it is paid, and the arrows go on in the messages.
    await bubble(page, 'back from the crew').getByRole('button', { name: 'Pay', exact: true }).focus()
    await page.keyboard.press('Enter')
    await page.getByRole('dialog').getByText('back from the crew').waitFor()
    await expect.poll(focused).toBe('pay-title')
    const send = page.getByRole('button', { name: 'Send 0.25 PLAY' })
    await page.keyboard.press('Tab')
    expect(await send.evaluate((button) => button === document.activeElement)).toBe(true)
    await page.keyboard.press('Enter')
    await bubble(page, 'Asks you for 0.25 PLAY').getByText('You paid it.').waitFor()
    await expect.poll(focused).toBe('Messages')
    await page.keyboard.press('ArrowUp')
    await expect.poll(focused).toBe('What to do with this message')
    expect(await ring()).toBe('solid')
    await page.keyboard.press('Enter')
    await page.keyboard.press('Enter')
    await expect.poll(focused).toBe('What to do with this message')
    await page.locator('.reactions button').first().waitFor()
    await page.keyboard.press('Enter')
    await page.getByRole('button', { name: 'Who has it' }).press('Enter')
    await page.getByRole('dialog').waitFor()
    await page.keyboard.press('Escape')
    await expect.poll(focused).toBe('What to do with this message')
    // An answer, and back.
    await page.keyboard.press('Enter')
    await page.getByRole('button', { name: 'Reply' }).press('Enter')
    await expect.poll(focused).toBe('composer-field')
    await page.keyboard.type('by keys alone')
    await page.keyboard.press('Tab')
    expect(await focused()).toBe('Send')
    await page.keyboard.press('Enter')
    await bubble(alice.page, 'by keys alone').waitFor()
    await expect.poll(focused).toBe('composer-field')
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

  it('is written with the decimal sign of the language wherever it stands', async () => {
    const { page } = bob
    await go(page, '#/settings')
    await page.getByLabel('Language').selectOption('es')
    await go(page, chat)
    await bubble(page, 'half of the ferry').getByText('5,5 PLAY').waitFor()
    for (const view of ['#/wallet', '#/wallet-withdraw', '#/wallet-deposit', '#/notices']) {
      await go(page, view)
      await page.locator('.loading').waitFor({ state: 'detached' })
      await expect.poll(() => page.locator('.panel-body').textContent()).toMatch(/\d,\d+ PLAY/)
      expect(await page.locator('.panel-body').textContent(), view).not.toMatch(/\d\.\d+ PLAY/)
    }
    await go(page, '#/settings')
    await page.getByLabel('Idioma').selectOption('en')
    await go(page, chat)
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
