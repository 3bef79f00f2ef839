import type { Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { go } from './testing/drive.js'
import { endAll } from './testing/end-all.js'
import { putTerraWallet, putTonWallet } from './testing/fake-programs.js'
import { overflowsOf } from './testing/overflow.js'
import { RemoteTonWallet } from './testing/remote-ton-wallet.js'
import { accessibilityFaults, Scene } from './testing/scene.js'
import { TonBridgeServer } from './testing/ton-bridge.js'

// A whole server with a build before it, and browsers: a busy machine may take its time.
vi.setConfig({ testTimeout: 240_000, hookTimeout: 500_000 })

describe('wallet programs of a browser', () => {
  let scene: Scene
  let bridge: TonBridgeServer
  beforeAll(async () => {
    bridge = await TonBridgeServer.start()
    scene = await Scene.start({ EVEGRAM_TON_BRIDGES: `Lighthouse ${bridge.url} https://lighthouse.example/ton-connect` })
  })
  afterAll(() => endAll(() => scene.close(), () => bridge.die()))

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
      expect(bridge.asked).toEqual([])
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

  describe('a TON wallet on another device', () => {
    const wallets: RemoteTonWallet[] = []
    afterEach(() => { for (const wallet of wallets.splice(0)) wallet.close() })
    function makeWallet(options: { readonly signsData: boolean; readonly wrongKey?: boolean }): RemoteTonWallet {
      const wallet = new RemoteTonWallet(bridge.url, options)
      wallets.push(wallet)
      return wallet
    }
    /** The page of somebody who chose the wallet, which shows its link, and what the page complained about. */
    async function chooseRemote(options?: Parameters<Scene['visit']>[0]): Promise<Awaited<ReturnType<Scene['visit']>> & { readonly dialog: ReturnType<Page['getByRole']>; readonly link: () => Promise<string> }> {
      const visitor = await scene.visit(options)
      await visitor.page.getByRole('button', { name: /Lighthouse/ }).click()
      const dialog = visitor.page.getByRole('dialog')
      await dialog.getByRole('img').waitFor()
      return { ...visitor, dialog, link: async () => await dialog.getByRole('link').getAttribute('href') ?? '' }
    }

    it('is not asked for anything, nor its bridge, by who only looks, or signs in otherwise', async () => {
      const foreign: string[] = []
      const visitor = await scene.visit()
      visitor.context.on('request', (request) => { if (!request.url().startsWith(scene.url) && !/^(data|blob):/.test(request.url())) foreign.push(request.url()) })
      await visitor.page.reload()
      await visitor.page.getByRole('button', { name: 'Continue with Lighthouse' }).waitFor()
      await visitor.page.locator('.demo-choices').getByRole('button', { name: 'TON', exact: true }).click()
      await visitor.page.locator('[data-state="live"]').waitFor({ state: 'attached' })
      expect([foreign, bridge.asked, visitor.complaints]).toEqual([[], [], []])
      // Nor may the page ask anything else of the bridge, whoever wants it to.
      const isRefused = await visitor.page.evaluate((url) => fetch(url).then(() => false, () => true), `${bridge.url}/elsewhere`)
      expect([isRefused, bridge.asked]).toEqual([true, []])
      await visitor.context.close()
    })

    it('signs in by one link and a text, through a bridge that dies and comes back, and signs again when a device is revoked', async () => {
      const wallet = makeWallet({ signsData: true })
      const { page, context, complaints, dialog, link } = await chooseRemote()
      await dialog.getByText('Waiting for Lighthouse').waitFor()
      await bridge.die()
      await dialog.getByText('does not answer. Trying again').waitFor()
      await bridge.revive()
      await dialog.getByText('Waiting for Lighthouse').waitFor()
      await wallet.open(await link())
      await dialog.getByText(wallet.standIn.address).waitFor()
      // What was connected signs nothing before the person said that it is theirs.
      expect(wallet.calls).toEqual(['connect ton_addr'])
      await dialog.getByRole('button', { name: 'Yes, it is mine' }).click()
      await page.locator('[data-state="live"]').waitFor({ state: 'attached' })
      expect(wallet.calls).toEqual(['connect ton_addr', 'signData'])
      await go(page, '#/settings')
      expect(await page.locator('.own-address .address').first().textContent()).toBe(wallet.standIn.address)
      // Between two signatures nobody listens to the bridge.
      await expect.poll(() => bridge.listeners).toBe(1)

      const phone = await chooseRemote()
      await wallet.open(await phone.link())
      await phone.dialog.getByRole('button', { name: 'Yes, it is mine' }).click()
      await phone.page.locator('[data-state="live"]').waitFor({ state: 'attached' })
      wallet.calls.length = 0
      await go(page, '#/devices')
      await page.locator('.people li', { has: page.locator('.person-name', { hasText: /^Device / }) }).getByRole('button', { name: /^Revoke device/ }).click()
      await page.getByRole('dialog').getByRole('button', { name: 'Yes' }).click()
      await phone.page.getByText('This device was revoked').waitFor()
      // The device that was revoked tells the wallet that it is gone.
      await expect.poll(() => [...wallet.calls].sort()).toEqual(['disconnect', 'signData'])
      expect(bridge.asked.flatMap(({ telltales }) => telltales)).toEqual([])
      // A bridge that is away is told by the browser, too; nothing else is complained about.
      expect(complaints.filter((text) => !text.includes(bridge.url))).toEqual([])
      await context.close()
      await phone.context.close()
    })

    it('without signData signs in by ton_proof, which a second link asks for', async () => {
      const wallet = makeWallet({ signsData: false })
      const { page, context, complaints, dialog, link } = await chooseRemote()
      const first = await link()
      await wallet.open(first)
      await dialog.getByRole('button', { name: 'Yes, it is mine' }).click()
      await expect.poll(link).not.toBe(first)
      await wallet.open(await link())
      await page.locator('[data-state="live"]').waitFor({ state: 'attached' })
      expect(wallet.calls).toEqual(['connect ton_addr', 'disconnect', 'connect ton_addr+ton_proof'])
      expect(complaints).toEqual([])
      await context.close()
    })

    it('that declines, is not the own, or signs with another key signs nobody in', async () => {
      const { page, context, dialog, link } = await chooseRemote()
      const again = async (): Promise<void> => {
        await page.getByRole('button', { name: /Lighthouse/ }).click()
        await dialog.getByRole('img').waitFor()
      }
      const wallet = makeWallet({ signsData: true })
      wallet.person = 'declines'
      await wallet.open(await link())
      await page.getByText('The wallet did not sign.').waitFor()
      await again()
      wallet.person = 'agrees'
      await wallet.open(await link())
      // Somebody else answered: the person says so.
      await dialog.getByText(wallet.standIn.address).waitFor()
      await page.keyboard.press('Escape')
      await page.getByText('The wallet did not sign.').waitFor()
      await again()
      await makeWallet({ signsData: true, wrongKey: true }).open(await link())
      await dialog.getByRole('button', { name: 'Yes, it is mine' }).click()
      await page.getByText('proof.signature').waitFor()
      expect(await page.locator('[data-state="live"]').count()).toBe(0)
      await context.close()
    })

    it.each([['es-ES', 'dark', 'Esperando a Lighthouse'], ['en-GB', 'light', 'Waiting for Lighthouse']] as const)('is asked for in a dialog without faults, also on a small phone: %s, %s', async (locale, colorScheme, waits) => {
      const { page, context, dialog, link } = await chooseRemote({ locale, colorScheme, viewport: { width: 360, height: 640 } })
      await dialog.getByText(waits).waitFor()
      expect([await accessibilityFaults(page), await overflowsOf(page)]).toEqual([[], []])
      await page.evaluate(() => { document.documentElement.dir = 'rtl' })
      await makeWallet({ signsData: true }).open(await link())
      await dialog.locator('.own-account').waitFor()
      expect([await accessibilityFaults(page), await overflowsOf(page)]).toEqual([[], []])
      await context.close()
    })
  })
})
