import { mkdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { acceptRequest, foundChannel, foundGroup, go, openMenuOf, post, say, write } from './drive.js'
import { nodePerson, type NodePerson } from './node-person.js'
import { Scene } from './scene.js'

const SIZES = { phone: { width: 390, height: 844 }, desk: { width: 1280, height: 800 } } as const

/** Takes pictures of every view into `--to`: see tools/web-screenshots.mjs. */
async function main(): Promise<void> {
  const { values } = parseArgs({ options: { to: { type: 'string' } } })
  if (values.to === undefined) throw new Error('say where to: npm run web:screenshots -- --to <dir>')
  const folder = resolve(values.to)
  mkdirSync(folder, { recursive: true })
  const scene = await Scene.start()
  let stranger: NodePerson | undefined
  try {
    const [alice, bob] = [await scene.person('Solana'), await scene.person('TON')]
    await write(alice, bob.address, 'Are you coming to the harbour tonight?')
    await acceptRequest(bob.page)
    for (const text of ['Yes, around eight.', 'The ferry is late again, so do not wait with dinner. I will bring bread and the good cheese from the market.', 'مرحبا، هل نلتقي غدا؟']) await say(bob.page, text)
    await say(alice.page, 'Good. See https://example.com/harbour for the way.')
    await openMenuOf(alice.page, 'Yes, around eight.')
    await alice.page.getByRole('button', { name: 'React with 👍' }).click()
    await openMenuOf(alice.page, 'Yes, around eight.')
    await alice.page.getByRole('button', { name: 'Reply' }).click()
    await say(alice.page, 'Then I save you a seat.')
    const channel = `#/c/${(await foundChannel(alice.page, 'Tides')).id}`
    await post(alice.page, 'High water at noon, low water at six.')
    const group = `#/c/${await foundGroup(alice.page, 'Harbour crew', [bob.address])}`
    await say(alice.page, 'Who brings the charts?')
    stranger = await nodePerson(scene.url, 'terra')
    await (await (await stranger.client.conversation(alice.address)).send('Hello, I think that I have your umbrella.')).acked
    await go(alice.page, '#/requests')
    await alice.page.locator('.panel .card').first().click()
    const request = await alice.page.evaluate(() => location.hash)
    await bob.page.getByRole('link', { name: /Harbour crew/ }).click()
    await say(bob.page, 'I have them.')
    await alice.page.locator('.is-in .bubble', { hasText: 'I have them.' }).waitFor()
    const chat = await alice.page.locator('[data-row]', { hasText: 'save you a seat' }).getAttribute('href') ?? ''
    const views: Readonly<Record<string, string>> = {
      list: '#/', chat, contact: `${chat}/info`, group, 'group-info': `${group}/info`, channel, 'channel-info': `${channel}/info`, new: '#/new', 'new-group': '#/new-group', devices: '#/devices', wallet: '#/wallet', notices: '#/notices', settings: '#/settings', requests: '#/requests', request, backup: '#/backup',
    }
    const visitor = await scene.visit()
    await visitor.page.getByRole('button', { name: 'Solana' }).waitFor()
    for (const [size, viewport] of Object.entries(SIZES)) {
      for (const colorScheme of ['light', 'dark'] as const) {
        for (const { page } of [alice, visitor]) {
          await page.setViewportSize(viewport)
          await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
        }
        await visitor.page.screenshot({ path: join(folder, `sign-in-${size}-${colorScheme}.png`) })
        for (const [name, hash] of Object.entries(views)) {
          await go(alice.page, hash)
          await alice.page.locator('.loading').waitFor({ state: 'detached' })
          await alice.page.screenshot({ path: join(folder, `${name}-${size}-${colorScheme}.png`) })
        }
      }
    }
    console.log(`pictures of ${String(Object.keys(views).length + 1)} views are in ${folder}`)
  } finally {
    await stranger?.client.close()
    await scene.close()
  }
}

await main()
