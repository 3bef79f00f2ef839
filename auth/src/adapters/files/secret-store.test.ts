import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { systemRandom } from '@evegram/platform'
import { secretCalled } from '../../secrets.js'
import { describeSecretStore } from '../../ports/secret-store.contract.js'
import { fileSecretStore } from './secret-store.js'

let folder: string
beforeEach(async () => { folder = await mkdtemp(join(tmpdir(), 'evegram-secrets-')) })
afterEach(async () => { await rm(folder, { recursive: true, force: true }) })

describeSecretStore('files', async () => {
  const setup = () => ({ store: fileSecretStore(folder), reopen: async () => setup(), close: () => Promise.resolve() })
  return setup()
})

describe('fileSecretStore', () => {
  it('writes files that only their owner reads, in a folder that only their owner enters', async () => {
    const inside = join(folder, 'secrets')
    const store = fileSecretStore(inside)
    expect(await store.read('refresh-key')).toBeUndefined()
    await store.write('refresh-key', new Uint8Array([1, 2, 3]), undefined)
    expect(await store.read('refresh-key')).toEqual(new Uint8Array([1, 2, 3]))
    expect((await stat(inside)).mode & 0o777).toBe(0o700)
    expect((await stat(join(inside, 'refresh-key.secret'))).mode & 0o777).toBe(0o600)
  })

  it('makes a secret once and refuses a damaged one', async () => {
    const store = fileSecretStore(folder)
    const made = await secretCalled('challenge-key', store, systemRandom())
    expect(made).toHaveLength(32)
    expect(await secretCalled('challenge-key', store, systemRandom())).toEqual(made)
    await writeFile(join(folder, 'challenge-key.secret'), 'short')
    await expect(secretCalled('challenge-key', store, systemRandom())).rejects.toThrow('unavailable.store')
  })

  it('says so when the folder cannot be used', async () => {
    await writeFile(join(folder, 'file'), '')
    await expect(fileSecretStore(join(folder, 'file')).write('key', new Uint8Array(1), undefined)).rejects.toThrow('unavailable.store')
  })
})
