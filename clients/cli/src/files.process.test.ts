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
})
