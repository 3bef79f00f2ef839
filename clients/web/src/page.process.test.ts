import { readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { fakeSolanaWallet } from './testing/fake-wallet.js'
import { PLACES } from './route.js'
import { acceptRequest, foundGroup, go, openMenuOf, say, write } from './testing/drive.js'
import { endAll } from './testing/end-all.js'
import { firstLoad } from './testing/first-load.js'
import { nodePerson } from './testing/node-person.js'
import { overflowsOf } from './testing/overflow.js'
import { accessibilityFaults, Scene, type Person } from './testing/scene.js'

// A whole server with a build before it, and browsers: a busy machine may take its time.
vi.setConfig({ testTimeout: 240_000, hookTimeout: 500_000 })

/** What people write that no line has room for. */
const LONG = `see ${'https://example.com/a-way-without-any-end/'.repeat(6)} Donaudampfschifffahrtsgesellschaftskapitänskajütenschlüssel`

describe('the page in Chromium, at the server of npm start', () => {
  let scene: Scene
  let alice: Person
  let bob: Person
  let framer: Server
  let framerUrl: string
  beforeAll(async () => {
    framer = createServer((request, reply) => {
      reply.setHeader('content-type', 'text/html')
      reply.end(`<title>host</title><iframe src="${decodeURIComponent((request.url ?? '').slice(2))}" width="600" height="600"></iframe>`)
    })
    await new Promise<void>((resolve) => framer.listen(0, '127.0.0.1', resolve))
    const address = framer.address()
    framerUrl = `http://localhost:${String(typeof address === 'object' ? address?.port : '')}`
    scene = await Scene.start({ EVEGRAM_FRAME_ANCESTORS: framerUrl })
    alice = await scene.person('Solana')
    bob = await scene.person('TON')
  })
  afterAll(() => endAll(() => framer.close(), () => scene.close()))

  it('signs newcomers in without an error on the console', async () => {
    // Those of the first sign-in of both are in it.
    expect([...alice.refused, ...alice.complaints, ...bob.refused, ...bob.complaints]).toEqual([])
  })

  it('lets people of two chains talk, live, over one connection each', async () => {
    await write(alice, bob.address, 'good evening')
    await acceptRequest(bob.page)
    await bob.page.locator('.bubble', { hasText: 'good evening' }).waitFor()
    // A hint that may be lost: who goes on writing says it again.
    await expect.poll(async () => {
      await bob.page.locator('#composer-field').press('a')
      return alice.page.locator('.typing', { hasText: 'is typing' }).count()
    }).toBe(1)
    await say(bob.page, 'and to you')
    await expect.poll(() => alice.page.locator('.typing', { hasText: 'is typing' }).count()).toBe(0)
    await alice.page.locator('.is-in .bubble', { hasText: 'and to you' }).waitFor()
    await alice.page.locator('.is-out .delivery:is(.is-sent, .is-delivered, .is-read)').first().waitFor()
    // In StrictMode every effect runs twice: a connection that a component made would be two.
    expect([alice.sockets(), bob.sockets()]).toEqual([1, 1])
  })

  it('shows no text as anything but text', async () => {
    await say(bob.page, '<img src=x onerror="document.title=1"> see https://example.com/a?b=c, ok')
    const bubble = alice.page.locator('.is-in .bubble').last()
    await expect.poll(async () => bubble.locator('a').getAttribute('href')).toBe('https://example.com/a?b=c')
    expect(await bubble.locator('img').count()).toBe(0)
    expect(await bubble.locator('a').getAttribute('rel')).toContain('noopener')
  })

  it('keeps what is written offline, and sends it on return', async () => {
    await alice.context.setOffline(true)
    await say(alice.page, 'written on a train')
    await alice.page.locator('.is-out .delivery.is-sending').last().waitFor()
    await alice.context.setOffline(false)
    await bob.page.locator('.is-in .bubble', { hasText: 'written on a train' }).waitFor()
    await expect.poll(async () => alice.page.locator('.delivery.is-sending').count()).toBe(0)
  })

  it('answers, reacts, edits by the up arrow, and deletes for both', async () => {
    const theirs = alice.page.locator('.message', { hasText: 'and to you' })
    await theirs.hover()
    await theirs.getByRole('button', { name: 'What to do with this message' }).click()
    await alice.page.getByRole('button', { name: 'React with 👍' }).click()
    await bob.page.getByRole('button', { name: '👍, 1 person' }).waitFor()
    await theirs.getByRole('button', { name: 'What to do with this message' }).click()
    await theirs.getByRole('button', { name: 'Reply' }).click()
    await say(alice.page, 'how was the ferry?')
    await bob.page.locator('.bubble', { hasText: 'how was the ferry?' }).locator('.quote', { hasText: 'and to you' }).waitFor()
    await alice.page.locator('#composer-field').press('ArrowUp')
    await expect.poll(async () => alice.page.locator('#composer-field').inputValue()).toBe('how was the ferry?')
    await alice.page.locator('#composer-field').fill('how was the bridge?')
    await alice.page.locator('#composer-field').press('Enter')
    await bob.page.locator('.bubble', { hasText: 'how was the bridge?' }).getByText('edited').waitFor()
    const own = alice.page.locator('.message', { hasText: 'how was the bridge?' })
    await own.hover()
    // Somebody begins to answer it: what it answers goes, what was written stays.
    const seen = bob.page.locator('.message', { hasText: 'how was the bridge?' })
    await seen.hover()
    await seen.getByRole('button', { name: 'What to do with this message' }).click()
    await seen.getByRole('button', { name: 'Reply' }).click()
    await bob.page.locator('#composer-field').fill('it was')
    await bob.page.locator('.composing', { hasText: 'how was the bridge?' }).waitFor()
    await own.getByRole('button', { name: 'What to do with this message' }).click()
    await own.getByRole('button', { name: 'Delete for everyone' }).click()
    await bob.page.locator('.bubble', { hasText: 'This message was deleted.' }).waitFor()
    await bob.page.locator('.composing').waitFor({ state: 'detached' })
    expect(await bob.page.locator('#composer-field').inputValue()).toBe('it was')
    await bob.page.locator('#composer-field').fill('')
  })

  it('founds a channel that others follow by its link', async () => {
    await go(alice.page, '#/new-channel')
    await alice.page.getByLabel('Name').fill('Tides')
    await alice.page.getByRole('button', { name: 'Create' }).click()
    await alice.page.locator('#post-field').fill('high water at noon')
    await alice.page.getByRole('button', { name: 'Send' }).click()
    await alice.page.locator('.post', { hasText: 'high water at noon' }).waitFor()
    await alice.page.getByRole('link', { name: 'About this conversation' }).click()
    const link = await alice.page.locator('.own-address .address').textContent()
    await go(bob.page, '#/follow')
    await bob.page.getByLabel('Link of the channel').fill(link ?? '')
    await bob.page.getByRole('button', { name: 'Follow' }).click()
    await bob.page.locator('.post', { hasText: 'high water at noon' }).waitFor()
    await bob.page.getByText('Only authors post here.').waitFor()
  })

  it('revokes another device, which then says that it is out', async () => {
    // The same wallet in another browser: what is kept of it, and no device.
    const second = await scene.secondDevice(alice, 'Solana')
    await go(alice.page, '#/devices')
    await alice.page.getByRole('button', { name: /^Revoke device/ }).nth(1).waitFor()
    await alice.page.locator('.people li', { has: alice.page.locator('.person-name', { hasText: /^Device / }) }).getByRole('button', { name: /^Revoke device/ }).click()
    await alice.page.getByRole('dialog').getByRole('button', { name: 'Yes' }).click()
    await alice.page.getByText('Revoked').waitFor()
    await second.page.getByText('This device was revoked').waitFor()
  })

  it('is still signed in, with everything that was said, after it was loaded again; a second tab shares its connection', async () => {
    await go(bob.page, '#/')
    await bob.page.reload()
    await bob.page.locator('[data-row]', { hasText: 'deleted' }).click()
    await bob.page.locator('.bubble', { hasText: 'good evening' }).waitFor()
    const tab = await bob.context.newPage()
    let sockets = 0
    tab.on('websocket', () => { sockets += 1 })
    await tab.goto(`${scene.url}/${new URL(bob.page.url()).hash}`)
    await say(tab, 'from the other tab')
    await bob.page.locator('.is-out .bubble', { hasText: 'from the other tab' }).waitFor()
    expect(sockets).toBe(0)
    await tab.close()
  })

  it('signs nobody in inside of another site', async () => {
    const { page, context } = await scene.visit()
    await page.goto(`${framerUrl}/?${encodeURIComponent(scene.url)}`)
    const frame = page.frameLocator('iframe')
    await frame.getByText('Not inside another site', { exact: true }).waitFor()
    expect(await frame.getByRole('button').count()).toBe(0)
    await context.close()
  })

  it('shows devices, money and backups to nobody inside of another site, who is signed in neither', async () => {
    // The same site by another port: the browser gives the frame what the person has, so that nothing but the page itself is in the way.
    const page = await alice.context.newPage()
    for (const view of ['devices', 'wallet', 'wallet-deposit', 'wallet-withdraw', 'backup', 'history']) {
      await page.goto(`${framerUrl}/?${encodeURIComponent(`${scene.url}/#/${view}`)}`)
      const frame = page.frameLocator('iframe')
      await frame.locator('.panel .framed').waitFor({ timeout: 60_000 })
      expect(await frame.locator('.panel-body button').count(), view).toBe(0)
    }
    await page.close()
  })

  it('signs in with a wallet that announces itself, and asks nobody for its picture', async () => {
    const context = await scene.browser.newContext({ locale: 'en-GB' })
    const page = await context.newPage()
    const foreign: string[] = []
    page.on('request', (request) => { if (!request.url().startsWith('http://localhost')) foreign.push(request.url()) })
    await page.addInitScript(fakeSolanaWallet)
    await page.goto(scene.url)
    await page.getByRole('button', { name: 'Continue with Lantern' }).click()
    await page.locator('[data-state="live"]').waitFor({ state: 'attached', timeout: 60_000 })
    expect(foreign).toEqual([])
    await context.close()
  })

  it('loads little at first: under 250 KB of script, usable after little work', async () => {
    const { scripts, bytes, workMs, waitedMs } = await firstLoad(scene)
    console.log(`first load: ${String(scripts)} scripts, ${String(bytes)} bytes on the wire; at a quarter of the CPU usable after ${waitedMs.toFixed(0)} ms, of which the main thread worked ${workMs.toFixed(0)} ms`)
    expect(scripts).toBeGreaterThan(0)
    expect(bytes).toBeLessThan(250_000)
    // What the main thread worked says nothing of who else is on the machine, as the time that passed does: the goal is 2 s of that, on a machine that does nothing else.
    expect(workMs).toBeGreaterThan(0)
    expect(workMs).toBeLessThan(2_000)
  })

  it('opens without a server once it was there', async () => {
    const visitor = await scene.visit()
    await visitor.page.evaluate(async () => { await navigator.serviceWorker.ready })
    await visitor.context.setOffline(true)
    await visitor.page.reload()
    await visitor.page.getByRole('heading', { name: 'Your wallet is your identity' }).waitFor()
    const kept = await visitor.page.evaluate(async () => (await Promise.all((await caches.keys()).map(async (name) => (await (await caches.open(name)).keys()).map(({ url }) => new URL(url).pathname)))).flat())
    expect(kept).toContain('/')
    expect(kept.filter((path) => path.startsWith('/v1/') || path.startsWith('/.well-known/'))).toEqual([])
    await visitor.context.close()
  })

  it('says so where a part of it does not come, and goes on once it is loaded again', async () => {
    const visitor = await scene.visit({ serviceWorkers: 'block' })
    const { page } = visitor
    await page.route('**/assets/shell-*.js', (route) => route.abort())
    await page.locator('.demo-choices').getByRole('button', { name: 'Solana', exact: true }).click()
    await page.getByRole('alert').getByText('could not be shown').waitFor()
    await page.unroute('**/assets/shell-*.js')
    await page.getByRole('button', { name: 'Load again' }).click()
    await page.locator('[data-state="live"]').waitFor({ state: 'attached' })
    await visitor.context.close()
  })

  it('says what to do when something is refused, in the language of the person', async () => {
    await go(bob.page, '#/settings')
    await bob.page.getByLabel('Language').selectOption('es')
    await go(bob.page, '#/new')
    await bob.page.getByLabel('Dirección de la billetera').fill('no address at all')
    await bob.page.getByRole('button', { name: 'Empezar chat' }).click()
    await bob.page.getByText('Esto no es una dirección').waitFor()
    expect(await bob.page.locator('html').getAttribute('lang')).toBe('es')
    await go(bob.page, '#/settings')
    await bob.page.getByLabel('Idioma').selectOption('en')
  })

  it('makes a backup whose code is typed back, exports what there is, and restores the backup on a new device', async () => {
    await go(alice.page, '#/settings')
    await alice.page.getByRole('link', { name: /Backups/ }).click()
    await alice.page.getByRole('button', { name: 'Get a recovery code' }).click()
    await alice.page.locator('.recovery-code span').first().waitFor()
    const code = (await alice.page.locator('.recovery-code span').allTextContents()).join('-')
    expect(code).toMatch(/^([0-9A-Z]{5}-){6}[0-9A-Z]{5}$/)
    await alice.page.getByRole('button', { name: 'I wrote it down' }).click()
    await alice.page.getByLabel('Type the recovery code').fill(code.replace(/^./, (letter) => (letter === '7' ? '8' : '7')))
    await alice.page.getByRole('button', { name: 'Check' }).click()
    await alice.page.getByText('This is another code').waitFor()
    await alice.page.getByLabel('Type the recovery code').fill(code.toLowerCase().replaceAll('-', ' '))
    await alice.page.getByRole('button', { name: 'Check' }).click()
    await alice.page.getByRole('button', { name: 'Back up now' }).click()
    await alice.page.getByText(/messages are backed up/).waitFor()
    const [download] = await Promise.all([alice.page.waitForEvent('download'), alice.page.getByRole('button', { name: 'Save as a file' }).click()])
    expect(download.suggestedFilename()).toMatch(/^evegram-\d{4}-\d{2}-\d{2}\.backup$/)
    expect(readFileSync(await download.path()).subarray(0, 7).toString()).toBe('EVGBKUP')

    await go(alice.page, '#/settings')
    const [exported] = await Promise.all([alice.page.waitForEvent('download'), alice.page.getByRole('button', { name: 'Export', exact: true }).click()])
    const lines = readFileSync(await exported.path(), 'utf8').trimEnd().split('\n').map((line): unknown => JSON.parse(line))
    expect(lines.some((line) => typeof line === 'object' && line !== null && 'text' in line && line.text === 'good evening')).toBe(true)

    const second = await scene.secondDevice(alice, 'Solana')
    expect(await second.page.locator('[data-row]').count()).toBe(0)
    await go(second.page, '#/backup')
    await second.page.getByLabel('Recovery code').last().fill(code)
    await second.page.getByRole('button', { name: 'Restore' }).click()
    await second.page.getByText(/messages were restored/).waitFor()
    await second.page.locator('[data-row]', { hasText: 'from the other tab' }).click()
    await second.page.locator('.bubble', { hasText: 'good evening' }).waitFor()
    await second.context.close()
  })

  it('has no fault that axe finds, on any view, dark and light', async () => {
    const conversation = await alice.page.locator('[data-row]').first().getAttribute('href') ?? ''
    const faults: string[] = []
    for (const colorScheme of ['light', 'dark'] as const) {
      await alice.page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
      for (const hash of ['#/', conversation, `${conversation}/info`, '#/new', '#/new-group', '#/new-channel', '#/follow', '#/devices', '#/wallet', '#/wallet-deposit', '#/wallet-withdraw', '#/notices', '#/settings', '#/backup', '#/history', '#/requests']) {
        await go(alice.page, hash)
        await alice.page.locator('.loading').waitFor({ state: 'detached' })
        faults.push(...(await accessibilityFaults(alice.page)).map((fault) => `${colorScheme} ${hash}: ${fault}`))
      }
    }
    const visitor = await scene.visit()
    await visitor.page.getByRole('button', { name: 'Solana' }).waitFor()
    faults.push(...await accessibilityFaults(visitor.page))
    expect(faults).toEqual([])
  })

  it('fits a phone of 360 px on every view, in either direction of writing, with nothing to scroll sideways', async () => {
    const { page } = alice
    const conversation = await page.locator('[data-row]', { hasText: 'from the other tab' }).getAttribute('href') ?? ''
    const channel = await page.locator('[data-row]', { hasText: 'high water' }).getAttribute('href') ?? ''
    const stranger = await nodePerson(scene.url, 'terra')
    try {
      const toAlice = await stranger.client.conversation(alice.address)
      await (await toAlice.send(LONG)).acked
      await (await toAlice.sendFiles([{ name: `${'a-name-without-end'.repeat(8)}.pdf`, type: 'application/pdf', stream: async function* () { yield new Uint8Array(2_000) } }], { text: LONG })).message
      await go(page, '#/requests')
      await page.locator('.panel .card').first().click()
      await page.locator('.request-messages .file-card').waitFor()
      const request = await page.evaluate(() => location.hash)
      const group = `#/c/${await foundGroup(page, `The crew of ${LONG.slice(0, 90)}`, [bob.address])}`
      await say(page, LONG)
      const views = [...PLACES.map((place) => `#/${place}`), '#/', conversation, `${conversation}/info`, channel, `${channel}/info`, group, `${group}/info`, request]
      await page.setViewportSize({ width: 360, height: 740 })
      const faults: string[] = []
      for (const direction of ['ltr', 'rtl'] as const) {
        await page.evaluate((to) => { document.documentElement.dir = to }, direction)
        const look = async (what: string): Promise<void> => { faults.push(...(await overflowsOf(page)).map((fault) => `${direction} ${what}: ${fault}`)) }
        for (const hash of views) {
          await go(page, hash)
          await page.locator('.loading').waitFor({ state: 'detached' })
          await look(hash)
        }
        // What opens above a conversation: the menu of a message, the question where to forward it, an answer, files that were chosen.
        await go(page, group)
        for (const text of ['Reply', 'Forward', 'Who has it']) {
          await openMenuOf(page, LONG)
          await look(`menu before ${text}`)
          await page.getByRole('button', { name: text }).click()
          await look(text)
          await page.keyboard.press('Escape')
        }
        await page.locator('.composer input[type=file]').setInputFiles([{ name: `${'photo-without-end'.repeat(8)}.jpg`, mimeType: 'image/jpeg', buffer: Buffer.from([0xff, 0xd8, 0xff]) }, { name: 'empty', mimeType: 'text/plain', buffer: Buffer.alloc(0) }])
        await look('files that were chosen')
        await page.getByRole('button', { name: 'Send', exact: true }).click()
        await page.getByText('cannot be taken out of this photo').waitFor()
        await look('a photo that is refused')
        await page.locator('.chosen-file').getByRole('button').click()
      }
      await page.evaluate(() => { document.documentElement.removeAttribute('dir') })
      expect(faults).toEqual([])
    } finally {
      await stranger.client.close()
    }
  })

  it('takes no money in a conversation inside of another site: neither the purse nor a request opens anything that pays', async () => {
    // Somebody who asks for money; what they said is read in the frame as anywhere.
    const group = await foundGroup(alice.page, 'Framed crew', [bob.address])
    await write(alice, bob.address, 'about money')
    const direct = await alice.page.evaluate(() => location.hash)
    await go(bob.page, direct)
    await bob.page.getByRole('button', { name: 'Send or ask for money' }).click()
    await bob.page.getByText('Ask', { exact: true }).click()
    await bob.page.getByLabel('Amount').fill('1')
    await bob.page.getByLabel('Note').fill('for the frame')
    await bob.page.getByRole('button', { name: 'Ask for money', exact: true }).click()
    await go(alice.page, direct)
    await alice.page.locator('.bubble', { hasText: 'for the frame' }).getByRole('button', { name: 'Pay', exact: true }).waitFor()
    const page = await alice.context.newPage()
    for (const [where, name] of [[direct, 'Pay'], [direct, 'Send or ask for money'], [`#/c/${group}`, 'Send or ask for money']] as const) {
      await page.goto(`${framerUrl}/?${encodeURIComponent(`${scene.url}/${where}`)}`)
      const frame = page.frameLocator('iframe')
      await frame.getByRole('button', { name, exact: true }).last().click({ timeout: 60_000 })
      await frame.locator('.pay .framed').waitFor()
      // The way out, and the cross: no field, no amount, nothing to press that sends.
      expect([await frame.locator('.pay').locator('input, textarea, select').count(), await frame.locator('.pay button').count(), await frame.locator('.pay a').getAttribute('target')], `${name} ${where}`).toEqual([0, 1, '_blank'])
    }
    await page.close()
  })

  it('was never refused anything by its own policy, and threw nothing', () => {
    expect([...alice.complaints, ...bob.complaints]).toEqual([])
  })
})
