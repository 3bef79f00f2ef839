import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import type { BrowserContext, Page } from 'playwright-core'
import { go } from './testing/drive.js'
import { putTonWallet } from './testing/fake-programs.js'
import { accessibilityFaults, Scene } from './testing/scene.js'

// A whole server with a build before it, and browsers: a busy machine may take its time.
vi.setConfig({ testTimeout: 240_000, hookTimeout: 500_000 })

describe('the own money on the page, at the server of npm start', () => {
  let scene: Scene
  beforeAll(async () => { scene = await Scene.start() })
  afterAll(async () => { await scene.close() })

  it('comes from the faucet, goes out with the signature of the demo wallet, followed to its end, and is in the statement', async () => {
    const { page, context, complaints } = await scene.person('Solana')
    await fill(page)
    // More than there is, to nowhere, and with nothing left for the fee: said before anything is signed.
    await go(page, '#/wallet-withdraw')
    await page.getByLabel('Amount that is to arrive').fill('20.01')
    await expect.poll(() => page.getByRole('button', { name: 'Look at it' }).isDisabled()).toBe(true)
    await write(page, '2', 'nowhere')
    await page.getByText(/no address/).waitFor()
    const to = await newAddress(scene)
    await write(page, '20', to)
    await page.getByText(/There is not enough for the amount .* At most 19\.98 PLAY\./).waitFor()
    // To this server itself: refused by it, and the reason said.
    await write(page, '2', await depositAddress(page))
    await page.getByRole('button', { name: 'Sign and withdraw' }).click()
    await page.getByText('The destination is an address of this server').waitFor()
    await page.getByRole('button', { name: 'Change it' }).click()
    await expect.poll(() => page.getByLabel('Amount that is to arrive').evaluate((field) => field === document.activeElement)).toBe(true)
    await write(page, '2', to)
    const review = page.locator('.review')
    await review.getByText('What your wallet signs').click()
    expect(await review.locator('.address.grouped').textContent()).toBe(to)
    expect(await accessibilityFaults(page)).toEqual([])
    await page.getByRole('button', { name: 'Sign and withdraw' }).press('Enter')
    // Who goes by keys is at what became of it, not at the beginning of the page.
    await expect.poll(() => page.evaluate(() => document.activeElement?.getAttribute('aria-label'))).toBe('Your withdrawal')
    await page.locator('.payout[data-state="paid"]').waitFor()
    expect([await onChain(scene, to), await page.locator('.stages .is-reached').count()]).toEqual([2_000_000n, 5])
    await go(page, '#/wallet')
    await page.locator('.statement li', { hasText: 'Withdrawal' }).locator('.amount-out', { hasText: '−2 PLAY' }).waitFor()
    await page.locator('.statement li', { hasText: 'Fee of the network' }).locator('.amount-out', { hasText: '−0.005 PLAY' }).waitFor()
    await page.locator('.statement li', { hasText: 'Deposit' }).locator('.amount-in', { hasText: '+20 PLAY' }).waitFor()
    expect(complaints).toEqual([])
    await context.close()
  })

  it('is paid out once, though no answer came and the page was loaded again in the middle', async () => {
    const { page, context } = await scene.person('Terra Classic')
    await fill(page)
    const to = await newAddress(scene)
    // The server takes it; the page hears nothing of it, and is not told of it in the list either.
    const asked = await loseAnswers(context)
    await go(page, '#/wallet-withdraw')
    await write(page, '3', to)
    await page.getByRole('button', { name: 'Sign and withdraw' }).click()
    await page.locator('.payout[data-state="unanswered"]').waitFor()
    await page.reload()
    await page.locator('.payout[data-state="unanswered"]').waitFor()
    asked.isLost = false
    await page.getByRole('button', { name: 'Ask again for the same' }).click()
    await expect.poll(() => asked.ids.length).toBe(2)
    asked.isHidden = false
    await page.locator('.payout[data-state="unanswered"]').waitFor({ state: 'detached' })
    await go(page, '#/wallet')
    await page.locator('.payout[data-state="paid"]').waitFor()
    expect([new Set(asked.ids).size, await page.locator('.payout').count(), await onChain(scene, to)]).toEqual([1, 1, 3_000_000n])
    await context.close()
  })

  it('is signed for by a wallet program that is chosen again after the page was loaded anew', async () => {
    const context = await scene.browser.newContext({ locale: 'en-GB' })
    const wallet = await putTonWallet(context, { signsData: true })
    const page = await scene.open(context)
    await page.getByRole('button', { name: 'Continue with Beacon' }).click()
    await page.locator('[data-state="live"]').waitFor({ state: 'attached' })
    await fill(page)
    await page.reload()
    wallet.calls.length = 0
    await go(page, '#/wallet-withdraw')
    const to = await newAddress(scene)
    await write(page, '1', to)
    await page.getByRole('button', { name: 'Sign and withdraw' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Continue with Beacon' }).click()
    await page.locator('.payout[data-state="paid"]').waitFor()
    expect(wallet.calls).toContain('signData')
    expect(await onChain(scene, to)).toBe(1_000_000n)
    await context.close()
  })
})

/** Gets play money, and waits until the server has credited it. */
async function fill(page: Page): Promise<void> {
  await go(page, '#/wallet')
  await page.getByRole('button', { name: 'Get play money' }).click()
  await page.locator('.balance-amount', { hasText: '20 PLAY' }).waitFor()
}

/** Writes a withdrawal, and asks to look at it. */
async function write(page: Page, amount: string, to: string): Promise<void> {
  await page.getByLabel('Amount that is to arrive').fill(amount)
  await page.getByLabel(/^Destination/).fill(to)
  await page.getByRole('button', { name: 'Look at it' }).click()
}

/** Where the server takes deposits. Leads back to the form. */
async function depositAddress(page: Page): Promise<string> {
  await go(page, '#/wallet-deposit')
  const address = await page.locator('.facts .address').first().textContent() ?? ''
  await go(page, '#/wallet-withdraw')
  return address
}

/** An address of a key that is thrown away. */
async function newAddress({ url }: Scene): Promise<string> {
  const key = Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString('hex')
  return textOf(await (await fetch(`${url}/v1/play/keys/${key}`)).json(), 'address')
}

/** What the chain itself says. */
async function onChain({ url }: Scene, address: string): Promise<bigint> {
  return BigInt(textOf(await (await fetch(`${url}/v1/play/addresses/${address}`)).json(), 'amount'))
}

function textOf(answer: unknown, name: string): string {
  const value: unknown = typeof answer === 'object' && answer !== null ? Reflect.get(answer, name) : undefined
  if (typeof value !== 'string') throw new Error(`the chain says no ${name}`)
  return value
}

/** Lets requests for withdrawals reach the server, and keeps its answers back: to the request as long as `isLost`, in the list as long as `isHidden`. */
async function loseAnswers(context: BrowserContext): Promise<{ isLost: boolean; isHidden: boolean; readonly ids: string[] }> {
  const asked = { isLost: true, isHidden: true, ids: new Array<string>() }
  await context.route(/\/v1\/wally\/payouts(\?|$)/, async (route) => {
    const request = route.request()
    if (request.method() === 'POST') {
      asked.ids.push(textOf(request.postDataJSON(), 'id'))
      const response = await route.fetch()
      await (asked.isLost ? route.abort('connectionreset') : route.fulfill({ response }))
    } else await (asked.isHidden ? route.fulfill({ json: { payouts: [] } }) : route.fallback())
  })
  return asked
}
