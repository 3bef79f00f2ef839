import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { deflateSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import type { Page } from 'playwright-core'
import { acceptRequest, go, openMenuOf, openRow, say, shows, watchUpload, write } from './testing/drive.js'
import { endAll } from './testing/end-all.js'
import { nodePerson, type NodePerson } from './testing/node-person.js'
import { accessibilityFaults, Scene, SHOWN_MS, type Person } from './testing/scene.js'

// A whole server with a build before it, and browsers: a busy machine may take its time.
vi.setConfig({ testTimeout: 240_000, hookTimeout: 500_000 })

const MEGABYTE = 1_048_576
const POLL = { timeout: SHOWN_MS }

const ascii = (text: string): Uint8Array<ArrayBuffer> => Uint8Array.from(text, (character) => character.charCodeAt(0))
const hashOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

/** Files that want to be shown as something that they are not: name, what their sender calls them, what is in them. */
const HOSTILE: readonly (readonly [name: string, type: string, bytes: Uint8Array<ArrayBuffer>])[] = [
  ['holiday.png', 'image/png', ascii('<!doctype html><script>document.title="owned"</script>')],
  ['drawing.svg', 'image/svg+xml', ascii('<svg xmlns="http://www.w3.org/2000/svg" onload="document.title=\'owned\'"></svg>')],
  ['drawing.webp', 'image/webp', ascii('<svg xmlns="http://www.w3.org/2000/svg" onload="document.title=\'owned\'"></svg>')],
  ['photo.png.exe', 'image/png', ascii('MZ\x90\0 a program that is no picture')],
  ['report-\u202egpj.exe', 'application/octet-stream', ascii('MZ\x90\0')],
  ['page.html', 'text/html', ascii('<script>document.title="owned"</script>')],
]

/** What a camera wrote into a photo. */
const PLACE = '60.1699 N 24.9384 E'

describe('files on the page', () => {
  let scene: Scene
  let alice: Person
  let bob: Person
  let mallory: NodePerson
  let chat: string
  beforeAll(async () => {
    scene = await Scene.start()
    alice = await scene.person('Solana')
    bob = await scene.person('TON')
    mallory = await nodePerson(scene.url, 'terra')
    await write(alice, bob.address, 'I have pictures')
    await acceptRequest(bob.page)
    await say(bob.page, 'show me')
    await shows(alice.page, 'show me')
    chat = await alice.page.evaluate(() => location.hash)
  })
  afterAll(() => endAll(() => mallory.client.close(), () => scene.close()))

  const attach = async (page: Page, name: string, mimeType: string, bytes: Uint8Array): Promise<void> => { await page.locator('.composer input[type=file]').setInputFiles({ name, mimeType, buffer: Buffer.from(bytes) }) }

  it('shows a picture in place, large at a press, with its caption; nobody else is asked for anything', async () => {
    await attach(alice.page, 'harbour.png', 'image/png', pngOf(640, 400))
    await alice.page.locator('.chosen-file', { hasText: 'harbour.png' }).waitFor()
    await alice.page.locator('#composer-field').fill('the harbour at six')
    await alice.page.locator('#composer-field').press('Enter')
    for (const { page } of [alice, bob]) {
      const bubble = page.locator('.bubble', { hasText: 'the harbour at six' })
      await bubble.locator('.picture-opener img').waitFor()
      expect(await bubble.locator('.picture-opener img').getAttribute('src')).toMatch(/^blob:/)
      await expect.poll(() => bubble.locator('.picture-opener img').evaluate((image) => (image instanceof HTMLImageElement ? [image.naturalWidth, image.naturalHeight] : [])), POLL).toEqual([640, 400])
    }
    await bob.page.getByRole('button', { name: 'Picture harbour.png: show large' }).click()
    await bob.page.getByRole('dialog', { name: 'harbour.png' }).waitFor()
    await bob.page.keyboard.press('Escape')
    expect(await accessibilityFaults(bob.page)).toEqual([])
    // On a phone it stays within its bubble.
    const before = bob.page.viewportSize()
    await bob.page.setViewportSize({ width: 360, height: 740 })
    const bubble = bob.page.locator('.bubble', { hasText: 'the harbour at six' })
    await expect.poll(() => bubble.evaluate((element) => {
      const room = element.getBoundingClientRect()
      return [...element.querySelectorAll('.picture, .picture-opener img')].filter((part) => part.getBoundingClientRect().right > room.right || part.getBoundingClientRect().left < room.left).length
    }), POLL).toBe(0)
    if (before !== null) await bob.page.setViewportSize(before)
  })

  it('sends a photo without the place where it was taken, turned as it was; unchanged where the person says so', async () => {
    const photo = photographed(await jpegOf(alice.page, 640, 400))
    expect(photo.includes(PLACE)).toBe(true)
    await write(alice, mallory.address, 'two photos of the quay')
    const toAlice = await mallory.client.conversation(alice.address)
    for (const [caption, unchanged] of [['without its place', false], ['with its place', true]] as const) {
      await attach(alice.page, 'quay.jpg', 'image/jpeg', photo)
      if (unchanged) await alice.page.getByRole('switch', { name: /^Send photos and films unchanged/ }).click()
      await say(alice.page, caption)
      const image = alice.page.locator('.bubble', { hasText: caption }).locator('.picture-opener img')
      await image.waitFor()
      await expect.poll(() => image.evaluate((shown) => (shown instanceof HTMLImageElement ? [shown.naturalWidth, shown.naturalHeight] : [])), POLL).toEqual([400, 640])
      await expect.poll(async () => (await toAlice.history()).filter(({ text }) => text === caption).length, POLL).toBe(1)
      const [message] = (await toAlice.history()).filter(({ text }) => text === caption)
      if (message === undefined) throw new Error('it came')
      expect(message.files?.[0]).toMatchObject({ name: 'quay.jpg', type: 'image/jpeg', width: 400, height: 640 })
      const bytes = Buffer.from(await new Response(mallory.client.download(message, 0)).arrayBuffer())
      expect([bytes.includes(PLACE), bytes.equals(photo)]).toEqual([unchanged, unchanged])
    }
    await go(alice.page, chat)
  })

  // The story sends 20.
  it('sends 8 MB with progress, and the other side saves the same bytes', async () => {
    const bytes = new Uint8Array(8 * MEGABYTE)
    for (let at = 0; at < bytes.length; at += 65_536) crypto.getRandomValues(bytes.subarray(at, at + 65_536))
    await attach(alice.page, 'survey.bin', 'application/octet-stream', bytes)
    const seen = watchUpload(alice.page)
    await alice.page.getByRole('button', { name: 'Send', exact: true }).click()
    const values = await seen
    console.log(`progress of 8 MB, in parts of a hundred: ${values.join(' ')}`)
    expect(values.length).toBeGreaterThan(3)
    expect(values).toEqual([...values].sort((left, right) => left - right))
    const coming = bob.page.waitForEvent('download')
    await bob.page.getByRole('button', { name: /^Save survey\.bin/ }).click()
    const download = await coming
    expect(download.suggestedFilename()).toBe('survey.bin')
    expect(hashOf(readFileSync(await download.path()))).toBe(hashOf(bytes))
  })

  it('goes on with what was chosen offline, after the page was loaded again', async () => {
    await alice.context.setOffline(true)
    await attach(alice.page, 'ferry.txt', 'text/plain', ascii('the ferry is late'))
    await alice.page.locator('#composer-field').press('Enter')
    await alice.page.locator('.upload', { hasText: 'ferry.txt' }).waitFor()
    await alice.page.reload()
    await alice.page.locator('.upload', { hasText: 'ferry.txt' }).waitFor()
    expect(await bob.page.locator('.file-card', { hasText: 'ferry.txt' }).count()).toBe(0)
    await alice.context.setOffline(false)
    await bob.page.locator('.file-card', { hasText: 'ferry.txt' }).waitFor()
    await expect.poll(() => alice.page.locator('.upload').count(), POLL).toBe(0)
  })

  it('sends nothing of what was stopped, and all of it after a second thought', async () => {
    await alice.context.setOffline(true)
    await attach(alice.page, 'regret.txt', 'text/plain', ascii('never mind'))
    await alice.page.locator('#composer-field').press('Enter')
    await alice.page.getByRole('button', { name: 'Do not send regret.txt' }).click()
    await alice.page.locator('.upload.is-failed', { hasText: 'you stopped it' }).waitFor()
    await alice.context.setOffline(false)
    await say(alice.page, 'nothing came of it')
    await shows(bob.page, 'nothing came of it')
    expect(await bob.page.locator('.file-card', { hasText: 'regret.txt' }).count()).toBe(0)
    await alice.page.locator('.upload').getByRole('button', { name: 'Try again' }).click()
    await bob.page.locator('.file-card', { hasText: 'regret.txt' }).waitFor()
  })

  it('takes what is dropped and pasted, and says by name what is too large before anything is sent', async () => {
    await alice.page.evaluate(() => {
      const transfer = new DataTransfer()
      transfer.items.add(new File(['dropped here'], 'dropped.txt', { type: 'text/plain' }))
      transfer.items.add(new File([new ArrayBuffer(104_857_601)], 'film.mp4', { type: 'video/mp4' }))
      const place = document.querySelector('.chat')
      for (const type of ['dragenter', 'dragover', 'drop']) place?.dispatchEvent(new DragEvent(type, { dataTransfer: transfer, bubbles: true, cancelable: true }))
    })
    await alice.page.getByText('film.mp4 is too large.', { exact: false }).waitFor()
    await alice.page.evaluate(() => {
      const pasted = new DataTransfer()
      pasted.items.add(new File(['pasted here'], 'pasted.txt', { type: 'text/plain' }))
      document.querySelector('#composer-field')?.dispatchEvent(new ClipboardEvent('paste', { clipboardData: pasted, bubbles: true, cancelable: true }))
    })
    await alice.page.locator('.chosen-file', { hasText: 'pasted.txt' }).waitFor()
    expect(await alice.page.locator('.chosen-file bdi').allTextContents()).toEqual(['dropped.txt', 'pasted.txt'])
    await alice.page.getByRole('button', { name: 'Leave out dropped.txt' }).click()
    await alice.page.locator('#composer-field').press('Enter')
    await bob.page.locator('.file-card', { hasText: 'pasted.txt' }).waitFor()
    expect(await bob.page.locator('.file-card', { hasText: 'dropped.txt' }).count()).toBe(0)
  })

  it('shows nothing as anything but what it is, fetches nothing of a stranger, and saves under a name without harm', async () => {
    const toBob = await mallory.client.conversation(bob.address)
    const fetched: string[] = []
    bob.page.on('request', (request) => { if (request.method() === 'GET' && request.url().includes('/v1/blobs/')) fetched.push(request.url()) })
    for (const [name, type, bytes] of HOSTILE) await (await toBob.sendFiles([{ name, type, stream: async function* () { yield bytes } }])).message
    await bob.page.locator('.requests-entry').click()
    await bob.page.locator('.panel .card', { hasText: `${String(HOSTILE.length)} messages` }).click()
    await expect.poll(() => bob.page.locator('.request-messages .file-card').count(), POLL).toBe(HOSTILE.length)
    expect(fetched).toEqual([])
    await bob.page.getByRole('button', { name: 'Accept' }).click()
    await bob.page.locator('#composer-field').waitFor()
    // Three call themselves pictures: their first bytes were looked at, and they are said not to be shown.
    await expect.poll(() => bob.page.locator('.file-card', { hasText: 'it is not what its sender calls it' }).count(), POLL).toBe(3)
    expect(await bob.page.locator('.file-card').count()).toBe(HOSTILE.length)
    expect(await bob.page.locator('.chat img, .chat video, .chat iframe, .chat object, .chat embed').count()).toBe(0)
    expect(await bob.page.locator('.file-card .file-name').allTextContents()).toEqual(['holiday.png', 'drawing.svg', 'drawing.webp', 'photo.png.exe', 'report-gpj.exe', 'page.html'])
    const coming = bob.page.waitForEvent('download')
    await bob.page.getByRole('button', { name: /^Save report-gpj\.exe/ }).click()
    expect((await coming).suggestedFilename()).toBe('report-gpj.exe')
    expect(await bob.page.title()).not.toContain('owned')
  })

  it('forwards a picture without sending it again', async () => {
    await go(bob.page, chat)
    await openRow(bob.page, 'pasted.txt')
    await openMenuOf(bob.page, 'the harbour at six')
    await bob.page.getByRole('button', { name: 'Forward' }).click()
    const posts: string[] = []
    bob.page.on('request', (request) => { if (request.url().includes('/v1/blobs') && request.method() !== 'GET') posts.push(request.url()) })
    await bob.page.getByRole('dialog').getByRole('listitem').first().getByRole('button').click()
    await bob.page.locator('.bubble', { hasText: 'the harbour at six' }).locator('.picture-opener img').waitFor()
    await expect.poll(async () => (await (await mallory.client.conversation(bob.address)).history()).filter(({ files }) => files?.[0]?.name === 'harbour.png').length, POLL).toBe(1)
    expect(posts).toEqual([])
  })

  it('was refused nothing by its own policy, and threw nothing', () => {
    expect([...alice.complaints, ...bob.complaints]).toEqual([])
  })
})

/** A JPEG, which browsers alone can make here. */
async function jpegOf(page: Page, width: number, height: number): Promise<Buffer> {
  const url = await page.evaluate((size) => {
    const canvas = document.createElement('canvas')
    ;[canvas.width, canvas.height] = size
    return canvas.toDataURL('image/jpeg')
  }, [width, height] as const)
  return Buffer.from(url.slice(url.indexOf(',') + 1), 'base64')
}

/** The photo as a camera on its side would have made it: Exif with orientation 6 (a quarter to the right) and a place, and a film of the moment behind its end. */
function photographed(jpeg: Buffer): Buffer {
  // TIFF 6.0, big-endian: one directory with the orientation; what stands behind it is the place.
  const exif = Buffer.concat([Buffer.from('457869660000' + '4d4d002a00000008' + '0001' + '011200030000000100060000' + '00000000', 'hex'), Buffer.from(PLACE)])
  return Buffer.concat([jpeg.subarray(0, 2), Buffer.from([0xff, 0xe1, 0, exif.length + 2]), exif, jpeg.subarray(2), Buffer.from(`film taken at ${PLACE}`)])
}

/** A picture of one colour: PNG (ISO/IEC 15948), 8 bits of grey. */
function pngOf(width: number, height: number): Uint8Array {
  const uint32 = (value: number): Buffer => {
    const bytes = Buffer.alloc(4)
    bytes.writeUInt32BE(value)
    return bytes
  }
  const chunk = (type: string, data: Buffer): Buffer => {
    const named = Buffer.concat([Buffer.from(type, 'latin1'), data])
    return Buffer.concat([uint32(data.length), named, uint32(crc32(named))])
  }
  const rows = Buffer.alloc((width + 1) * height, 120)
  for (let row = 0; row < height; row++) rows[row * (width + 1)] = 0
  return Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), chunk('IHDR', Buffer.concat([uint32(width), uint32(height), Buffer.from([8, 0, 0, 0, 0])])), chunk('IDAT', deflateSync(rows)), chunk('IEND', Buffer.alloc(0))])
}

/** Section 5.5 of the same. */
function crc32(bytes: Buffer): number {
  let crc = 0xffffffff
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ ((crc & 1) * 0xedb88320)
  }
  return (crc ^ 0xffffffff) >>> 0
}
