import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { go } from './testing/drive.js'
import { putTerraWallet, putTonWallet } from './testing/fake-programs.js'
import { Scene } from './testing/scene.js'

// A whole server with a build before it, and browsers: a busy machine may take its time.
vi.setConfig({ testTimeout: 240_000, hookTimeout: 500_000 })

describe('wallet programs of a browser', () => {
  let scene: Scene
  beforeAll(async () => { scene = await Scene.start() })
  afterAll(async () => { await scene.close() })

  it.each([[true, 'V5R1, with signData', 'signData'], [false, 'V4R2, without', 'connect 2 /tonconnect-manifest.json ton_addr+ton_proof']] as const)(
    'TON Connect (%s: %s): signs in by ton_proof, revokes a device, and nobody else is asked for anything', async (signsData, _, revokes) => {
      const context = await scene.browser.newContext({ locale: 'en-GB' })
      const wallet = await putTonWallet(context, { signsData })
      const page = await scene.open(context)
      const foreign: string[] = []
      page.on('request', (request) => { if (!request.url().startsWith(scene.url) && !request.url().startsWith('data:')) foreign.push(request.url()) })
      await page.getByRole('button', { name: 'Continue with Beacon' }).click()
      await page.locator('[data-state="live"]').waitFor({ state: 'attached' })
      expect(wallet.calls).toEqual(['connect 2 /tonconnect-manifest.json ton_addr', 'connect 2 /tonconnect-manifest.json ton_addr+ton_proof'])
      await go(page, '#/settings')
      expect(await page.locator('.own-address .address').first().textContent()).toBe(wallet.address)

      // Another device of the same wallet, which the first one revokes: the wallet signs for it.
      const phone = await scene.browser.newContext({ locale: 'en-GB' })
      await wallet.alsoIn(phone)
      const second = await scene.open(phone)
      await second.getByRole('button', { name: 'Continue with Beacon' }).click()
      await second.locator('[data-state="live"]').waitFor({ state: 'attached' })
      wallet.calls.length = 0
      await go(page, '#/devices')
      await page.locator('.people li', { has: page.locator('.person-name', { hasText: /^Device / }) }).getByRole('button', { name: /^Revoke device/ }).click()
      await page.getByRole('dialog').getByRole('button', { name: 'Yes' }).click()
      await second.getByText('This device was revoked').waitFor()
      expect(wallet.calls).toContain(revokes)
      expect(foreign).toEqual([])
      await context.close()
      await phone.close()
    })

  it('TON Connect: says so when the person declines, and lets them try again', async () => {
    const context = await scene.browser.newContext({ locale: 'en-GB' })
    await putTonWallet(context, { signsData: true, declines: true })
    const page = await scene.open(context)
    await page.getByRole('button', { name: 'Continue with Beacon' }).click()
    await page.getByText('The wallet did not sign.').waitFor()
    await page.getByRole('button', { name: 'Continue with Beacon' }).waitFor()
    await context.close()
  })

  it.each(['keplr', 'station'] as const)('%s: signs in by ADR-036', async (program) => {
    const context = await scene.browser.newContext({ locale: 'en-GB' })
    const wallet = await putTerraWallet(context, program)
    const page = await scene.open(context)
    await page.getByRole('button', { name: program === 'keplr' ? 'Continue with Keplr' : 'Continue with Station' }).click()
    await page.locator('[data-state="live"]').waitFor({ state: 'attached' })
    expect(wallet.calls).toEqual(['enable columbus-5', 'getKey columbus-5', 'signArbitrary columbus-5'])
    await go(page, '#/settings')
    expect(await page.locator('.own-address .address').first().textContent()).toBe(wallet.address)
    await context.close()
  })
})
