import { createHash, randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest'
import { buildPrograms, evegram, startEvegram, temporaryFolder, TestServer, type Outcome } from './testing/programs.js'

// About a second for each program that starts; a busy machine may take its time.
vi.setConfig({ testTimeout: 300_000 })

const SIZE = 20 * 1_048_576
const hashOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

describe('files in the terminal, on a real server', () => {
  const folder = temporaryFolder()
  const data = join(folder.path, 'data')
  const server = new TestServer(data, { EVEGRAM_WALLY: 'false' })
  const address: Record<string, string> = {}
  const content = randomBytes(SIZE)
  const path = join(folder.path, 'film.mp4')

  const options = (who: string): readonly string[] => ['--profile', join(folder.path, who), '--server', server.url, '--json']
  const as = (who: string, ...args: readonly string[]): Promise<Outcome> => evegram([...args, ...options(who)])
  /** Bytes of uploads and blobs that the server has on its disk. */
  const stored = (): number => {
    if (!existsSync(join(data, 'blobs'))) return 0
    const files = readdirSync(join(data, 'blobs'), { recursive: true, withFileTypes: true }).filter((entry) => /\.(part|blob)$/.test(entry.name))
    // One that is whole takes its other name meanwhile.
    return files.reduce((sum, { parentPath, name }) => sum + (statSync(join(parentPath, name), { throwIfNoEntry: false })?.size ?? 0), 0)
  }
  async function until(what: () => boolean): Promise<void> {
    for (let tries = 0; !what(); tries++) {
      if (tries > 6_000) throw new Error('it never came')
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }

  beforeAll(async () => {
    await buildPrograms()
    await server.start()
    writeFileSync(path, content)
    for (const [who, chain] of [['alice', 'solana'], ['bob', 'ton']] as const) {
      const wallet = join(folder.path, `${who}.json`)
      expect((await evegram(['keys', 'new', '--chain', chain, '--out', wallet])).code).toBe(0)
      const signedIn = await as(who, 'login', '--wallet', wallet)
      expect(signedIn.code, signedIn.stderr).toBe(0)
      address[who] = String(signedIn.objects[0]?.['address'])
    }
  }, 300_000)

  afterAll(async () => {
    await server.kill('SIGTERM')
    folder.remove()
  })

  it('sends 20 MB through a client and a server that are killed in the middle, and gives back the same bytes', async () => {
    const killed = startEvegram(['send', String(address['bob']), 'as promised', '--file', path, ...options('alice')])
    onTestFinished(() => { killed.kill('SIGKILL') })
    await until(() => stored() > SIZE / 5)
    killed.kill('SIGKILL')
    const afterClient = stored()
    expect(afterClient).toBeLessThan(SIZE)
    // The source is not needed any more: what is sent are the sealed bytes of the first run.
    writeFileSync(path, randomBytes(SIZE))
    const again = startEvegram(['listen', ...options('alice')])
    // Also when what follows fails: it would listen for ever.
    onTestFinished(() => { again.kill('SIGKILL') })
    await until(() => stored() > afterClient + SIZE / 5)
    await server.kill('SIGKILL')
    expect(stored()).toBeLessThan(SIZE)
    await server.start()
    await until(() => readdirSync(join(data, 'blobs'), { recursive: true }).some((name) => String(name).endsWith('.blob')))
    const received = await as('bob', 'listen', '--count', '1')
    expect(received.objects).toMatchObject([{ text: 'as promised', files: [{ name: 'film.mp4', type: 'video/mp4', bytes: SIZE }] }])
    again.kill('SIGTERM')
    const edited = await as('alice', 'edit', String(address['bob']), String(received.objects[0]?.['messageId']), 'as promised, from Genoa')
    expect(edited.code, edited.stderr).toBe(0)
    const out = join(folder.path, 'out')
    mkdirSync(out)
    for (const name of ['film.mp4', 'film (2).mp4']) {
      const fetched = await as('bob', 'download', String(address['alice']), String(received.objects[0]?.['messageId']), '--out', out)
      expect(fetched.objects, fetched.stderr).toEqual([{ path: join(out, name), bytes: SIZE, type: 'video/mp4' }])
      expect(hashOf(readFileSync(join(out, name)))).toBe(hashOf(content))
    }
    expect(readdirSync(out).sort()).toEqual(['film (2).mp4', 'film.mp4'])
    expect((await as('alice', 'history', String(address['bob']))).objects).toMatchObject([{ text: 'as promised, from Genoa', files: [{ name: 'film.mp4' }], editedAt: expect.any(String) as string }])
  })

  it('sends a photo without the place where it was taken, unless it is to go unchanged; one that keeps it is not sent', async () => {
    const place = 'GPS 60.1699 N 24.9384 E'
    const segment = (marker: number, data: Uint8Array): Buffer => Buffer.from([0xff, marker, 0, data.length + 2, ...data])
    const scan = Buffer.from([...segment(0xc0, Buffer.from([8, 0, 1, 0, 1, 1])), ...segment(0xda, Buffer.from([1, 1, 0])), 1, 2, 3, 0xff, 0xd9])
    const photo = join(folder.path, 'quay.jpg')
    writeFileSync(photo, Buffer.concat([Buffer.from([0xff, 0xd8]), segment(0xe1, Buffer.from(`Exif\0\0${place}`)), scan]))
    const out = join(folder.path, 'photos')
    mkdirSync(out)
    const came = async (...more: readonly string[]): Promise<Buffer> => {
      const sent = await as('alice', 'send', String(address['bob']), '--file', photo, ...more)
      expect(sent.code, sent.stderr).toBe(0)
      const fetched = await as('bob', 'download', String(address['alice']), String(sent.objects[0]?.['messageId']), '--out', out)
      expect(fetched.objects, fetched.stderr).toMatchObject([{ type: 'image/jpeg' }])
      return readFileSync(String(fetched.objects[0]?.['path']))
    }
    expect(await came()).toEqual(Buffer.concat([Buffer.from([0xff, 0xd8]), scan]))
    expect(await came('--unchanged')).toEqual(readFileSync(photo))
    writeFileSync(photo, Buffer.concat([Buffer.from([0xff, 0xd8]), segment(0xe1, Buffer.from(`Exif\0\0${place}`))]))
    expect(await as('alice', 'send', String(address['bob']), '--file', photo)).toMatchObject({ error: { code: 'files.keeps_details' } })
    const missing = join(folder.path, 'no such.jpg')
    for (const more of [[], ['--unchanged']]) {
      expect(await as('alice', 'send', String(address['bob']), '--file', missing, ...more)).toMatchObject({ code: 1, error: { code: 'files.source', message: expect.stringContaining(`${missing}: There is no such file`) as unknown } })
    }
  })
})
