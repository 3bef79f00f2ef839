import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { acceptRequest, go, say, write } from './testing/drive.js'
import { accessibilityFaults, Scene, SHOWN_MS, type Person } from './testing/scene.js'

// A whole server with a build before it, and browsers: a busy machine may take its time.
vi.setConfig({ testTimeout: 240_000, hookTimeout: 500_000 })

describe('strangers, names and what an account keeps, on the page', () => {
  let scene: Scene
  let alice: Person
  let bob: Person
  let mallory: Person
  beforeAll(async () => {
    scene = await Scene.start()
    alice = await scene.person('Solana')
    bob = await scene.person('TON')
    mallory = await scene.person('Terra Classic')
  })
  afterAll(async () => { await scene.close() })

  const unread = (page: Person['page']): Promise<number> => page.locator('[data-row] .badge').count()

  it('shows what a stranger wrote as a request, with nothing in the list, and tells the stranger nothing', async () => {
    await write(alice, bob.address, 'good evening, stranger')
    await say(alice.page, 'are you there?')
    await alice.page.getByText('this is a request until they answer', { exact: false }).waitFor()
    const { page } = bob
    await page.locator('.requests-entry', { hasText: '1 person wants to write to you' }).waitFor()
    expect(await page.locator('[data-row]').count()).toBe(0)
    await page.locator('.requests-entry').click()
    await page.locator('.panel .card', { hasText: '2 messages' }).click()
    await page.locator('.request-messages .bubble', { hasText: 'good evening, stranger' }).waitFor()
    await expect.poll(async () => page.locator('.panel code.address').textContent()).toBe(alice.address)
    expect(await alice.page.locator('.chat-name', { hasText: 'Online' }).count()).toBe(0)
    // Nothing can be said, and nothing can be done with a message, before the person decides.
    expect(await page.locator('#composer-field').count()).toBe(0)
    expect(await page.locator('[data-message-button]').count()).toBe(0)
    expect(await accessibilityFaults(page)).toEqual([])
    expect(await alice.page.locator('.delivery.is-delivered, .delivery.is-read').count()).toBe(0)
  })

  it('opens the conversation once it is accepted', async () => {
    await bob.page.getByRole('button', { name: 'Accept' }).click()
    await bob.page.locator('.bubble', { hasText: 'are you there?' }).waitFor()
    await say(bob.page, 'I am')
    await alice.page.locator('.is-in .bubble', { hasText: 'I am' }).waitFor()
    await alice.page.locator('.message', { hasText: 'are you there?' }).locator('.delivery.is-read').waitFor()
    await alice.page.locator('.chat-name', { hasText: 'Online' }).waitFor()
    await expect.poll(async () => alice.page.locator('.waits-note').count()).toBe(0)
    await expect.poll(async () => bob.page.locator('.requests-entry').count()).toBe(0)
  })

  it('deletes a request, blocks the next one, and unblocks from the settings', async () => {
    await write(mallory, bob.address, 'win a prize')
    const { page } = bob
    const decide = async (name: RegExp): Promise<void> => {
      await page.locator('.requests-entry').click()
      await page.locator('.panel .card').first().click()
      await page.getByRole('button', { name }).click()
      await page.getByRole('dialog').getByRole('button', { name: 'Yes' }).click()
      await page.locator('.requests-entry').waitFor({ state: 'detached' })
    }
    await decide(/^Delete$/)
    await say(mallory.page, 'a bigger prize')
    await decide(/^Block /)
    await say(mallory.page, 'the last prize')
    // A message of somebody else that comes later: what was to be shown would be there by now.
    await say(alice.page, 'quiet evening')
    await page.locator('[data-row]', { hasText: 'quiet evening' }).waitFor()
    expect(await page.locator('.requests-entry').count()).toBe(0)
    expect(await page.locator('[data-row]').count()).toBe(1)
    await go(page, '#/settings')
    await page.getByRole('button', { name: /^Unblock / }).click()
    await page.getByText('You blocked nobody.').waitFor()
    await say(mallory.page, 'hello again')
    await page.locator('.requests-entry').waitFor()
  })

  it('keeps names, drafts, pins and what was read on all devices of a person', async () => {
    const chat = await alice.page.evaluate(() => location.hash)
    const second = await scene.visit({ storageState: await alice.context.storageState() })
    await second.page.getByRole('button', { name: 'Solana' }).click()
    await second.page.locator('[data-state="live"]').waitFor({ state: 'attached' })
    await go(bob.page, '#/')
    await bob.page.locator('[data-row]', { hasText: 'quiet evening' }).click()
    await say(bob.page, 'to both of your devices')
    await second.page.locator('[data-row]', { hasText: 'to both of your devices' }).waitFor()
    // The other device looks at the conversation, so it is read on this one too.
    await expect.poll(async () => unread(second.page), { timeout: SHOWN_MS }).toBe(0)
    await go(alice.page, `${chat}/info`)
    await alice.page.getByLabel('Your name for them').fill('Bo of the harbour')
    await alice.page.getByRole('button', { name: 'Save' }).click()
    await alice.page.getByRole('switch', { name: /^Pinned/ }).click()
    await second.page.locator('[data-row]', { hasText: 'Bo of the harbour' }).locator('.row-flags', { hasText: 'Pinned' }).waitFor()
    await go(alice.page, chat)
    await alice.page.locator('#composer-field').fill('half a sentence')
    await second.page.locator('[data-row] .row-draft', { hasText: 'half a sentence' }).waitFor()
    await second.page.locator('[data-row]').first().click()
    await expect.poll(async () => second.page.locator('#composer-field').inputValue(), { timeout: SHOWN_MS }).toBe('half a sentence')
    await second.page.locator('#composer-field').press('Enter')
    await expect.poll(async () => alice.page.locator('#composer-field').inputValue(), { timeout: SHOWN_MS }).toBe('')
    await second.context.close()
  })

  it('looks on all devices of a person as they chose on one, but where they chose otherwise', async () => {
    const second = await scene.secondDevice(alice, 'Solana')
    const looks = (page: Person['page']): Promise<unknown> => page.evaluate(() => [document.documentElement.lang, document.documentElement.dataset['theme'] ?? 'system'])
    expect(await looks(second.page)).toEqual(['en', 'system'])
    await go(alice.page, '#/settings')
    await alice.page.getByText('Dark', { exact: true }).click()
    await alice.page.getByLabel('Language').selectOption('es')
    await expect.poll(() => looks(second.page), { timeout: SHOWN_MS }).toEqual(['es', 'dark'])
    // As the page begins, before anything is read from the account.
    await second.page.reload({ waitUntil: 'commit' })
    expect(await second.page.evaluate(() => JSON.parse(localStorage.getItem('evegram.preferences') ?? '{}') as unknown)).toEqual({ account: { language: 'es', theme: 'dark' } })
    await go(second.page, '#/settings')
    await second.page.getByText('Claro', { exact: true }).click()
    expect(await looks(second.page)).toEqual(['es', 'light'])
    await alice.page.getByLabel('Idioma').selectOption('en')
    await expect.poll(() => looks(second.page), { timeout: SHOWN_MS }).toEqual(['en', 'light'])
    // What was chosen here counts here, and gives way when the person says so.
    expect(await looks(alice.page)).toEqual(['en', 'dark'])
    await alice.page.getByRole('button', { name: 'As on my other devices' }).click()
    await expect.poll(() => looks(alice.page), { timeout: SHOWN_MS }).toEqual(['en', 'light'])
    await second.context.close()
  })

  it('counts what came to a page that nobody looks at, and reads it when somebody does', async () => {
    await go(alice.page, '#/settings')
    await go(bob.page, '#/')
    await bob.page.locator('[data-row]', { hasText: 'half a sentence' }).click()
    await say(bob.page, 'one for later')
    await alice.page.locator('[data-row] .badge', { hasText: '1 unread message' }).waitFor()
    expect(await alice.page.title()).toMatch(/^\(\d+\)/)
    await alice.page.locator('[data-row]').first().click()
    await expect.poll(async () => unread(alice.page)).toBe(0)
  })

  it('is free of faults that axe finds where requests and blocked people are shown, and was refused nothing by its policy', async () => {
    const faults: string[] = []
    await acceptRequest(bob.page)
    for (const hash of ['#/requests', '#/settings', `${await bob.page.evaluate(() => location.hash)}/info`]) {
      await go(bob.page, hash)
      await bob.page.locator('.loading').waitFor({ state: 'detached' })
      faults.push(...(await accessibilityFaults(bob.page)).map((fault) => `${hash}: ${fault}`))
    }
    expect(faults).toEqual([])
    expect([...alice.complaints, ...bob.complaints, ...mallory.complaints]).toEqual([])
  })
})
