import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { hexOf, parseConversationId, type ConversationId } from '@evegram/protocol'
import type { Client } from '@evegram/sdk'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { shortAddress } from './ui/address.js'
import { acceptRequest, foundChannel, foundGroup, go, openConversation, openMenuOf, openRow, post, removeMember, say, shows, watchUpload, write } from './testing/drive.js'
import { endAll } from './testing/end-all.js'
import { gatherFollowers } from './testing/followers.js'
import { nodePerson, type NodePerson } from './testing/node-person.js'
import { Scene, type Person } from './testing/scene.js'
import { envelopesIn, openedWithAnyKey, sealedForAll, wasReceived, type SeenEnvelope } from './testing/sealed-bytes.js'

// The story of the page, told by one act after the other, in a real Chromium at the server of `npm start`: each act needs those before it.
vi.setConfig({ testTimeout: 400_000, hookTimeout: 500_000 })

const FOLLOWERS = 200
/** A busy machine may take its time. */
const POLL = { timeout: 60_000, interval: 200 }

describe('the story of the page', () => {
  let scene: Scene
  /** Alice, with a Solana wallet, at her desk, and on her phone; Bob, with one of TON. */
  let alice: Person
  let phone: Person
  let bob: Person
  /** The conversation of Alice and Bob. */
  let talk = ''
  const others: NodePerson[] = []
  beforeAll(async () => { scene = await Scene.start() })
  afterAll(() => endAll(...others.map(({ client }) => () => client.close()), () => scene.close()))

  it('act 1: two people sign in with wallets of different chains, one of them on two devices', async () => {
    alice = await scene.person('Solana')
    bob = await scene.person('TON')
    phone = await scene.secondDevice(alice, 'Solana')
    expect(alice.address).toMatch(/^[1-9A-HJ-NP-Za-km-z]{32,44}$/)
    expect(bob.address).toMatch(/^UQ/)
    expect(phone.address).toBe(alice.address)
    await go(alice.page, '#/devices')
    await expect.poll(() => alice.page.getByRole('button', { name: /^Revoke device/ }).count(), POLL).toBe(2)
  })

  it('act 2: they talk: every device has every message, answer and reaction', async () => {
    await write(alice, bob.address, 'is the harbour open?')
    talk = openConversation(alice.page)
    await acceptRequest(bob.page)
    await shows(bob.page, 'is the harbour open?')
    await say(bob.page, 'until ten')
    await shows(alice.page, 'until ten')
    await openRow(phone.page, 'until ten')
    await openMenuOf(phone.page, 'until ten')
    await phone.page.getByRole('button', { name: 'Reply' }).click()
    await say(phone.page, 'then at nine')
    await openMenuOf(bob.page, 'then at nine')
    await bob.page.getByRole('button', { name: 'React with 👍' }).click()
    for (const { page } of [alice, phone, bob]) {
      await page.locator('.bubble', { hasText: 'then at nine' }).locator('.quote', { hasText: 'until ten' }).waitFor()
      await page.getByRole('button', { name: '👍, 1 person' }).waitFor()
      expect(await page.locator('.bubble .text').allTextContents()).toEqual(['is the harbour open?', 'until ten', 'then at nine'])
    }
  })

  it('act 3: a file of 20 MB goes with progress, and is saved byte for byte', async () => {
    const bytes = randomBytes(20 * 1_048_576)
    await alice.page.locator('.composer input[type=file]').setInputFiles({ name: 'chart.bin', mimeType: 'application/octet-stream', buffer: bytes })
    await alice.page.locator('.chosen-file', { hasText: 'chart.bin' }).waitFor()
    const steps = watchUpload(alice.page)
    await alice.page.getByRole('button', { name: 'Send', exact: true }).click()
    expect(new Set(await steps).size).toBeGreaterThan(2)
    expect(await steps).toEqual([...await steps].sort((left, right) => left - right))
    await phone.page.locator('.file-card', { hasText: 'chart.bin' }).waitFor()
    const [saved] = await Promise.all([bob.page.waitForEvent('download'), bob.page.getByRole('button', { name: /^Save chart\.bin/ }).click()])
    expect(readFileSync(await saved.path()).equals(bytes)).toBe(true)
  })

  it('act 4: a group of five removes one, who cannot read what follows: looked at on the bytes', async () => {
    const people = await Promise.all((['terra', 'ton', 'solana'] as const).map((chain) => nodePerson(scene.url, chain)))
    others.push(...people)
    const [carol, dan, eve] = people
    if (carol === undefined || dan === undefined || eve === undefined) throw new Error('three people were made')
    const id = parseConversationId(await foundGroup(alice.page, 'Harbour crew', [bob, carol, dan, eve].map(({ address }) => address)))
    await say(alice.page, 'the gate opens with 4711')
    await openRow(bob.page, 'Harbour crew')
    await shows(bob.page, 'the gate opens with 4711')
    await say(bob.page, 'noted')
    for (const { client } of people) await expect.poll(async () => textsOf(client, id), POLL).toEqual(['the gate opens with 4711', 'noted'])
    // Who had no session with a sender yet got the first message by itself, and the key behind it: the second message of a sender is under a key that all have.
    await say(alice.page, 'and shuts at six')
    const before = ['the gate opens with 4711', 'noted', 'and shuts at six']
    for (const { client } of people) await expect.poll(async () => textsOf(client, id), POLL).toEqual(before)
    // The judge of keys says yes where there is one, or its no would be worth nothing.
    const early = sealedForAll(envelopesIn(eve.received), id).map((sealed) => openedWithAnyKey(eve, sealed) ?? '')
    expect(early.join()).toContain('and shuts at six')

    await removeMember(alice.page, id, shortAddress(eve.address))
    await say(alice.page, 'from now on 0815')
    await shows(bob.page, 'from now on 0815')
    await say(bob.page, 'only we know')
    await expect.poll(async () => textsOf(carol.client, id), POLL).toEqual([...before, 'from now on 0815', 'only we know'])
    // What comes to Eve behind it all: nothing of the group is still on its way to her then.
    await (await (await dan.client.conversation(eve.address)).send('sorry')).acked
    const aside = (await eve.client.conversation(dan.address)).id
    await expect.poll(async () => textsOf(eve.client, aside), POLL).toEqual(['sorry'])

    const version = await (await carol.client.group(id)).version()
    const sentSince = (): readonly SeenEnvelope[] => envelopesIn([...alice.sent(), ...bob.sent()]).filter(({ conversation, membershipVersion }) => conversation === id && membershipVersion >= version)
    // What a page sends is told by the browser a moment later; who got no answer in time sends the same bytes again.
    const sealedSince = (): readonly Uint8Array[] => [...new Map(sealedForAll(sentSince(), id).map((bytes) => [hexOf(bytes), bytes])).values()]
    await expect.poll(() => sealedSince().length, POLL).toBe(2)
    const [later, sealed] = [sentSince(), sealedSince()]
    expect(later.flatMap(({ bodies }) => bodies).filter(({ device }) => device === eve.client.device)).toEqual([])
    expect(sealed.map((bytes) => openedWithAnyKey(carol, bytes) ?? '').join()).toMatch(/from now on 0815|only we know/)
    for (const bytes of sealed) {
      expect(openedWithAnyKey(eve, bytes)).toBeUndefined()
      expect([wasReceived(carol.received, bytes), wasReceived(eve.received, bytes)]).toEqual([true, false])
    }
    expect(await textsOf(eve.client, id)).toEqual(before)

    await removeMember(alice.page, id, shortAddress(bob.address))
    // Who is removed is told by nobody: the page asks when the group is opened.
    await go(bob.page, '#/')
    await openRow(bob.page, 'Harbour crew')
    await bob.page.getByText('You are not a member any more').waitFor()
    expect(await bob.page.locator('#composer-field').count()).toBe(0)
  })

  it(`act 5: a channel with ${String(FOLLOWERS)} followers, each of whom gets each post once`, async () => {
    const { link } = await foundChannel(alice.page, 'Tides')
    await post(alice.page, 'high water at noon')
    const followers = await gatherFollowers(scene.url, link, FOLLOWERS)
    try {
      for (const text of ['low water at six', 'fog tonight']) await post(alice.page, text)
      await expect.poll(() => followers.filter(({ told }) => told.length >= 2).length, POLL).toBe(FOLLOWERS)
      for (const { told, stored } of followers) {
        expect(told).toEqual(['low water at six', 'fog tonight'])
        expect(await stored()).toEqual(['high water at noon', 'low water at six', 'fog tonight'])
      }
    } finally {
      for (const { client } of followers) await client.close()
    }
  })

  it('act 6: what is written offline waits, and goes out once and in order on return', async () => {
    for (const { page } of [alice, bob]) await go(page, `#/c/${talk}`)
    for (const { page } of [alice, bob]) await shows(page, 'then at nine')
    await alice.context.setOffline(true)
    for (const text of ['the train is in a tunnel', 'still in it']) await say(alice.page, text)
    await expect.poll(() => alice.page.locator('.is-out .delivery.is-sending').count(), POLL).toBe(2)
    await say(bob.page, 'are you there?')
    expect(await alice.page.locator('.bubble', { hasText: 'are you there?' }).count()).toBe(0)
    await alice.context.setOffline(false)
    await shows(bob.page, 'still in it')
    await shows(alice.page, 'are you there?')
    await expect.poll(() => alice.page.locator('.delivery.is-sending').count(), POLL).toBe(0)
    expect((await bob.page.locator('.is-in .bubble .text').allTextContents()).slice(-2)).toEqual(['the train is in a tunnel', 'still in it'])
  })

  it('act 7: a new device gets what was said before from another one, when the person compared the digits on both', async () => {
    const tablet = await scene.secondDevice(alice, 'Solana')
    await tablet.page.getByText('Your other devices have messages').waitFor()
    expect(await tablet.page.locator('[data-row]', { hasText: 'still in it' }).count()).toBe(0)
    await tablet.page.getByRole('link', { name: 'Look' }).click()
    await tablet.page.getByRole('button', { name: 'Ask my other devices' }).click()
    await tablet.page.locator('.digits').first().waitFor()
    await go(alice.page, '#/')
    await alice.page.getByText('A device of yours asks for your messages').waitFor()
    await alice.page.getByRole('link', { name: 'Look' }).click()
    const digits = await alice.page.locator('.digits').textContent()
    expect(digits).toMatch(/^\d{30}$/)
    expect(await tablet.page.locator('.digits').allTextContents()).toContain(digits)
    await alice.page.getByRole('button', { name: 'They are the same: send' }).click()
    const offer = tablet.page.locator('.offer')
    expect(await offer.locator('.digits').textContent()).toBe(digits)
    await offer.getByRole('button', { name: 'They are the same: take' }).click()
    await tablet.page.getByText(/came from your other device/).waitFor()
    for (const { page } of [alice, tablet]) await openRow(page, 'are you there?')
    for (const { page } of [alice, tablet]) await shows(page, 'is the harbour open?')
    await expect.poll(() => tablet.page.locator('.bubble .text').allTextContents(), POLL).toEqual(await alice.page.locator('.bubble .text').allTextContents())
    await go(tablet.page, '#/settings')
    await tablet.page.getByRole('button', { name: 'Sign out here' }).click()
    await tablet.page.getByRole('dialog').getByRole('button', { name: 'Yes' }).click()
    await tablet.page.getByRole('heading', { name: 'Your wallet is your identity' }).waitFor()
    await tablet.context.close()
  })

  it('act 8: a device that is revoked says so, forgets everything, and hears nothing more', async () => {
    await go(alice.page, '#/devices')
    const row = alice.page.locator('.people li:not(.is-off)', { has: alice.page.locator('.person-name', { hasText: /^Device / }) })
    // The tablet signed out just now, which her desk hears in a moment.
    await expect.poll(() => row.count(), POLL).toBe(1)
    const name = /^Device ([0-9a-f]{8})/.exec(await row.locator('.person-name').textContent() ?? '')?.[1] ?? 'no device'
    // That it was told of everything until now says that the look at the bytes below would see it.
    expect(envelopesIn(alice.sent()).flatMap(({ bodies }) => bodies).some(({ device }) => device.startsWith(name))).toBe(true)
    await row.getByRole('button', { name: /^Revoke device/ }).click()
    await alice.page.getByRole('dialog').getByRole('button', { name: 'Yes' }).click()
    await phone.page.getByText('This device was revoked').waitFor()
    await expect.poll(() => phone.openSockets(), POLL).toBe(0)
    const heard = phone.received().length
    const left = await phone.page.evaluate(async () => ({ stores: (await indexedDB.databases()).map(({ name }) => name), kept: Object.keys(localStorage).filter((key) => !key.includes('preferences')) }))
    expect(left).toEqual({ stores: [], kept: [] })
    const before = [alice.sent().length, bob.sent().length]
    await write(alice, bob.address, 'the phone is at the bottom of the sea')
    await openRow(bob.page, 'the phone is at the bottom of the sea')
    await say(bob.page, 'poor thing')
    await shows(alice.page, 'poor thing')
    const sentSince = (): readonly SeenEnvelope[] => envelopesIn([...alice.sent().slice(before[0]), ...bob.sent().slice(before[1])])
    await expect.poll(() => sentSince().length, POLL).toBeGreaterThanOrEqual(2)
    const later = sentSince()
    expect(later.flatMap(({ bodies }) => bodies).filter(({ device }) => device.startsWith(name))).toEqual([])
    expect(phone.received()).toHaveLength(heard)
    await phone.page.reload()
    await phone.page.getByRole('heading', { name: 'Your wallet is your identity' }).waitFor()
  })

  it('was never refused anything by its own policy, and threw nothing', () => {
    expect([alice, phone, bob].flatMap(({ complaints }) => complaints)).toEqual([])
  })
})

/** What was said in a conversation, as a client in this process has it. */
async function textsOf(client: Client, conversation: ConversationId): Promise<readonly string[]> {
  const group = (await client.groups()).find(({ id }) => id === conversation)
  const found = group ?? (await client.conversations()).find(({ id }) => id === conversation)
  return (await found?.history() ?? []).map(({ text }) => text)
}
