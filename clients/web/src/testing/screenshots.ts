import { mkdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import type { Page } from 'playwright-core'
import { acceptRequest, foundChannel, foundGroup, go, openMenuOf, post, say, write } from './drive.js'
import { nodePerson, type NodePerson } from './node-person.js'
import { Scene, type Person } from './scene.js'
import { TonBridgeServer } from './ton-bridge.js'

const SIZES = { phone: { width: 390, height: 844 }, desk: { width: 1280, height: 800 } } as const
/** Pictures of views that are longer than a screen are at most this high. */
const HEIGHT_MAX = 3_200
/** Bytes a second that a browser sends while a picture of a file on its way is taken. */
const SLOW_BYTES = 150_000

type Taken = (name: string, page: Page) => Promise<void>

/** Takes pictures of every view into `--to`: see tools/web-screenshots.mjs. */
async function main(): Promise<void> {
  const { values } = parseArgs({ options: { to: { type: 'string' } } })
  if (values.to === undefined) throw new Error('say where to: npm run web:screenshots -- --to <dir>')
  const folder = resolve(values.to)
  mkdirSync(folder, { recursive: true })
  const bridge = await TonBridgeServer.start()
  const scene = await Scene.start({ EVEGRAM_TON_BRIDGES: `Lighthouse ${bridge.url} https://lighthouse.example/ton-connect` })
  let stranger: NodePerson | undefined
  const names = new Set<string>()
  try {
    const [alice, bob] = [await scene.person('Solana'), await scene.person('TON')]
    const chat = await converse(alice, bob)
    const channel = `#/c/${(await foundChannel(alice.page, 'Tides')).id}`
    await post(alice.page, 'High water at noon, low water at six.')
    await post(alice.page, 'Fog from the west tonight. The ferry waits until it can see the lighthouse.')
    const group = `#/c/${await foundGroup(alice.page, 'Harbour crew', [bob.address])}`
    await say(alice.page, 'Who brings the charts?')
    stranger = await nodePerson(scene.url, 'terra')
    const toAlice = await stranger.client.conversation(alice.address)
    for (const text of ['Hello, I think that I have your umbrella.', 'The red one, from the ferry.']) await (await toAlice.send(text)).acked
    await go(alice.page, '#/requests')
    await alice.page.locator('.panel .card').first().click()
    const request = await alice.page.evaluate(() => location.hash)
    await bob.page.getByRole('link', { name: /Harbour crew/ }).click()
    await say(bob.page, 'I have them.')
    await go(alice.page, group)
    await alice.page.locator('.is-in .bubble', { hasText: 'I have them.' }).waitFor()
    await go(alice.page, '#/wallet')
    await alice.page.getByRole('button', { name: 'Get play money' }).click()
    await alice.page.locator('.balance').waitFor()
    await payEachOther(alice, bob, chat)
    await withdrawSome(scene.url, alice.page)
    const [visitor, empty, phone] = [await scene.visit(), await scene.person('Terra Classic'), await scene.secondDevice(alice, 'Solana')]
    await visitor.page.getByRole('button', { name: 'Solana' }).waitFor()
    await go(phone.page, '#/history')
    await phone.page.getByRole('button', { name: 'Ask my other devices' }).click()
    await phone.page.locator('.digits').first().waitFor()
    await go(alice.page, '#/history')
    await alice.page.locator('.digits').waitFor()
    const views: Readonly<Record<string, string>> = {
      list: '#/', chat, contact: `${chat}/info`, group, 'group-info': `${group}/info`, channel, 'channel-info': `${channel}/info`, new: '#/new', 'new-group': '#/new-group', 'new-channel': '#/new-channel', follow: '#/follow', devices: '#/devices', wallet: '#/wallet', 'wallet-deposit': '#/wallet-deposit', 'wallet-withdraw': '#/wallet-withdraw',
      notices: '#/notices', settings: '#/settings', requests: '#/requests', request, backup: '#/backup', history: '#/history',
    }
    for (const [size, viewport] of Object.entries(SIZES)) {
      for (const colorScheme of ['light', 'dark'] as const) {
        const take: Taken = async (name, page) => {
          names.add(name)
          await page.screenshot({ path: join(folder, `${name}-${size}-${colorScheme}.png`) })
        }
        for (const { page } of [alice, visitor, empty, phone]) {
          await page.setViewportSize(viewport)
          await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
        }
        await take('sign-in', visitor.page)
        const remote = await scene.visit({ viewport, colorScheme, reducedMotion: 'reduce', hasTouch: size === 'phone', isMobile: size === 'phone' })
        await remote.page.getByRole('button', { name: /Lighthouse/ }).click()
        await remote.page.getByRole('dialog').getByRole('img').waitFor()
        await take('sign-in-remote', remote.page)
        await remote.context.close()
        for (const [name, hash] of [['list-empty', '#/'], ['wallet-empty', '#/wallet'], ['requests-empty', '#/requests'], ['history-alone', '#/history']] as const) {
          await go(empty.page, hash)
          await empty.page.locator('.loading').waitFor({ state: 'detached' })
          await take(name, empty.page)
        }
        await take('history-asked', phone.page)
        for (const [name, hash] of Object.entries(views)) {
          await go(alice.page, hash)
          await alice.page.locator('.loading').waitFor({ state: 'detached' })
          await take(name, alice.page)
          await takeWhole(`${name}-whole`, alice.page, viewport, take)
        }
        await takeReview(scene.url, alice.page, take)
        await takeChat(alice.page, chat, take)
        await takePay(alice.page, chat, take)
      }
    }
    console.log(`pictures of ${String(names.size)} views are in ${folder}`)
  } finally {
    await stranger?.client.close()
    await scene.close()
    await bridge.die()
  }
}

/** Two people talk; gives the address of their conversation. */
async function converse(alice: Person, bob: Person): Promise<string> {
  await write(alice, bob.address, 'Are you coming to the harbour tonight?')
  const chat = await alice.page.evaluate(() => location.hash)
  await acceptRequest(bob.page)
  for (const text of ['Yes, around eight.', 'The ferry is late again, so do not wait with dinner. I will bring bread and the good cheese from the market.', 'مرحبا، هل نلتقي غدا؟']) await say(bob.page, text)
  await bob.page.locator('.composer input[type=file]').setInputFiles([
    { name: 'harbour.png', mimeType: 'image/png', buffer: await drawn(bob.page) }, { name: 'timetable of the ferry, winter.pdf', mimeType: 'application/pdf', buffer: Buffer.alloc(240_000, 1) },
  ])
  await say(bob.page, 'The way, and when it goes.')
  await alice.page.locator('.picture-opener img').waitFor()
  await say(alice.page, 'Good. See https://example.com/harbour for the way.')
  await openMenuOf(alice.page, 'Yes, around eight.')
  await alice.page.getByRole('button', { name: 'React with 👍' }).click()
  await openMenuOf(alice.page, 'Yes, around eight.')
  await alice.page.getByRole('button', { name: 'Reply' }).click()
  await say(alice.page, 'Then I save you a seat.')
  return chat
}

/** What a conversation shows while something is done in it: a menu, who has a message, files that were chosen, and one on its way. */
async function takeChat(page: Page, chat: string, take: Taken): Promise<void> {
  await go(page, chat)
  await openMenuOf(page, 'Then I save you a seat.')
  await take('chat-menu', page)
  await page.getByRole('button', { name: 'Who has it' }).click()
  await page.locator('.dialog .people li').waitFor()
  await take('receipts', page)
  await page.keyboard.press('Escape')
  await page.locator('.composer input[type=file]').setInputFiles([{ name: 'quay.png', mimeType: 'image/png', buffer: await drawn(page) }, { name: 'charts of the coast.zip', mimeType: 'application/zip', buffer: Buffer.alloc(6_000_000, 7) }])
  await page.locator('.chosen-file').last().waitFor()
  await take('files-chosen', page)
  const debug = await page.context().newCDPSession(page)
  const sendAt = (uploadThroughput: number): Promise<unknown> => debug.send('Network.emulateNetworkConditions', { offline: false, latency: 0, downloadThroughput: -1, uploadThroughput })
  await debug.send('Network.enable')
  await sendAt(SLOW_BYTES)
  await page.getByRole('button', { name: 'Send', exact: true }).click()
  await page.waitForFunction(() => (document.querySelector<HTMLProgressElement>('.uploads progress')?.value ?? 0) > 10)
  await take('files-progress', page)
  await page.getByRole('button', { name: /^Do not send/ }).click()
  await page.locator('.upload.is-failed').waitFor()
  await take('files-stopped', page)
  await page.getByRole('button', { name: /^Hide/ }).click()
  await sendAt(-1)
  await debug.detach()
}

/** Money goes from one to the other, and is asked for. */
async function payEachOther(alice: Person, bob: Person, chat: string): Promise<void> {
  await go(alice.page, chat)
  await go(bob.page, chat)
  await fillPay(alice.page, '7.5', 'half of the ferry', 'send')
  await bob.page.locator('.bubble', { hasText: 'It is in your wallet.' }).waitFor()
  await fillPay(bob.page, '2.25', 'bread and cheese', 'ask')
  await fillPay(bob.page, '1', 'the good cheese, too', 'ask')
  await alice.page.locator('.bubble', { hasText: 'bread and cheese' }).getByRole('button', { name: 'Pay' }).click()
  await alice.page.getByRole('button', { name: 'Send 2.25 PLAY' }).click()
  await alice.page.locator('.bubble', { hasText: 'You paid it.' }).waitFor()
}

/** Fills the dialog of money in the conversation that is open, and sends. */
async function fillPay(page: Page, amount: string, note: string, kind: 'send' | 'ask'): Promise<void> {
  await page.getByRole('button', { name: 'Send or ask for money' }).click()
  await page.getByLabel('Amount').waitFor()
  if (kind === 'ask') await page.getByText('Ask', { exact: true }).click()
  await page.getByLabel('Amount').fill(amount)
  await page.getByLabel('Note').fill(note)
  if (kind === 'ask') {
    await page.getByRole('switch').check()
    await page.getByRole('button', { name: 'Ask for money', exact: true }).click()
  } else {
    await page.getByRole('button', { name: 'Look it over' }).click()
    await page.getByRole('button', { name: `Send ${amount} PLAY` }).click()
  }
  await page.locator('.bubble', { hasText: note }).waitFor()
}

/** Money in a conversation: the bubbles, the dialog, what is asked for, the last look, and a payment that was refused. */
async function takePay(page: Page, chat: string, take: Taken): Promise<void> {
  await go(page, chat)
  await page.locator('.bubble', { hasText: 'the good cheese, too' }).waitFor()
  await take('pay-bubbles', page)
  await page.locator('.on-chain summary').last().click()
  await take('pay-chain', page)
  await page.locator('.on-chain summary').last().click()
  await page.getByRole('button', { name: 'Pay', exact: true }).click()
  await page.locator('.pay-to').waitFor()
  await take('pay-review', page)
  await page.keyboard.press('Escape')
  await page.getByRole('button', { name: 'Send or ask for money' }).click()
  await page.getByLabel('Amount').fill('1,500')
  await take('pay-form', page)
  await page.getByText('Ask', { exact: true }).click()
  await take('pay-ask', page)
  await page.getByText('Send', { exact: true }).click()
  await page.route('**/v1/wally/transfers', (route) => route.fulfill({ status: 409, json: { error: { code: 'wallet.insufficient_funds', message: '' } } }))
  await page.getByLabel('Amount').fill('3')
  await page.getByRole('button', { name: 'Look it over' }).click()
  await page.getByRole('button', { name: 'Send 3 PLAY' }).click()
  await page.locator('.pay-pending .is-failed').waitFor()
  await take('pay-refused', page)
  await page.getByRole('button', { name: /^Hide the payment/ }).click()
  await page.unroute('**/v1/wally/transfers')
}

/** Takes play money out, so that there is a withdrawal to be seen. */
async function withdrawSome(url: string, page: Page): Promise<void> {
  await writeWithdrawal(url, page)
  await page.getByRole('button', { name: 'Sign and withdraw' }).click()
  await page.locator('.payout[data-state="paid"]').waitFor()
}

/** What a person looks at before their wallet signs, and what it says when there is too little. */
async function takeReview(url: string, page: Page, take: Taken): Promise<void> {
  await writeWithdrawal(url, page)
  await page.locator('.review').waitFor()
  await page.locator('.signed summary').click()
  await take('wallet-review', page)
  await takeWhole('wallet-review-whole', page, page.viewportSize() ?? SIZES.phone, take)
  await page.getByRole('button', { name: 'Change it' }).click()
  await page.getByRole('button', { name: /^All/ }).click()
  await page.getByRole('button', { name: 'Look at it' }).click()
  await page.getByText('There is not enough').waitFor()
  await take('wallet-too-little', page)
}

async function writeWithdrawal(url: string, page: Page): Promise<void> {
  const answer: unknown = await (await fetch(`${url}/v1/play/keys/${'5e'.repeat(32)}`)).json()
  const address: unknown = typeof answer === 'object' && answer !== null ? Reflect.get(answer, 'address') : undefined
  await go(page, '#/wallet-withdraw')
  await page.getByLabel('Amount that is to arrive').fill('2.5')
  await page.getByLabel(/^Destination/).fill(String(address))
  await page.getByRole('button', { name: 'Look at it' }).click()
}

/** The whole of a view that is longer than the screen. */
async function takeWhole(name: string, page: Page, viewport: { readonly width: number; readonly height: number }, take: Taken): Promise<void> {
  const hidden = await page.evaluate(() => { const body = document.querySelector('.panel-body'); return body === null ? 0 : body.scrollHeight - body.clientHeight })
  if (hidden <= 0) return
  await page.setViewportSize({ ...viewport, height: Math.min(HEIGHT_MAX, viewport.height + hidden) })
  await take(name, page)
  await page.setViewportSize(viewport)
}

/** A picture of a harbour at night: made in the page, since nothing else here can draw. */
async function drawn(page: Page): Promise<Buffer> {
  const url = await page.evaluate(() => {
    const canvas = document.createElement('canvas')
    ;[canvas.width, canvas.height] = [960, 640]
    const pen = canvas.getContext('2d')
    if (pen === null) return ''
    const sky = pen.createLinearGradient(0, 0, 0, 640)
    for (const [at, colour] of [[0, '#1b1640'], [0.55, '#b0567a'], [0.62, '#f2a65a'], [0.63, '#24325e'], [1, '#0b1030']] as const) sky.addColorStop(at, colour)
    pen.fillStyle = sky
    pen.fillRect(0, 0, 960, 640)
    pen.fillStyle = '#fff2c9'
    pen.fillRect(690, 250, 26, 150)
    pen.beginPath()
    pen.arc(703, 240, 20, 0, 7)
    pen.fill()
    return canvas.toDataURL('image/png')
  })
  return Buffer.from(url.slice(url.indexOf(',') + 1), 'base64')
}

await main()
