import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { LAYOUT_VERSION, openDataFolder } from './data-folder.js'
import { temporaryFolder } from './testing/server.js'

describe('the data folder', () => {
  let folder: ReturnType<typeof temporaryFolder>
  let path: string
  beforeEach(() => {
    folder = temporaryFolder()
    path = join(folder.path, 'data')
  })
  afterEach(() => folder.remove())

  it('keeps the identity of the server and the operator token for ever, for its owner only', () => {
    const first = openDataFolder(path)
    const again = openDataFolder(path)
    expect(first.serverId).toMatch(/^[0-9a-f]{32}$/)
    expect(again).toEqual(first)
    expect(Buffer.from(first.operatorToken, 'base64url')).toHaveLength(32)
    for (const name of ['.', 'log']) expect(statSync(join(path, name)).mode & 0o777, name).toBe(0o700)
    for (const name of ['server.json', 'operator-token']) expect(statSync(join(path, name)).mode & 0o777, name).toBe(0o600)
  })

  it('of a newer version is refused with both versions, and left as it was', () => {
    openDataFolder(path)
    const file = join(path, 'server.json')
    const newer = JSON.stringify({ ...(JSON.parse(readFileSync(file, 'utf8')) as object), layout: LAYOUT_VERSION + 1 })
    writeFileSync(file, newer)
    expect(() => openDataFolder(path)).toThrowError(
      expect.objectContaining({ code: 'incompatible.schema', details: { found: LAYOUT_VERSION + 1, supported: LAYOUT_VERSION } }),
    )
    expect(readFileSync(file, 'utf8')).toBe(newer)
  })

  it('of an older version becomes one of this version, and stays the same server', () => {
    const { serverId } = openDataFolder(path)
    const file = join(path, 'server.json')
    writeFileSync(file, JSON.stringify({ layout: 1, serverId }))
    expect(openDataFolder(path).serverId).toBe(serverId)
    expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual({ layout: LAYOUT_VERSION, serverId })
  })

  it('that is damaged is refused instead of getting a new identity', () => {
    mkdirSync(path)
    for (const text of ['', '{', 'null', '{"layout":1,"serverId":"short"}']) {
      writeFileSync(join(path, 'server.json'), text)
      expect(() => openDataFolder(path), text).toThrowError(expect.objectContaining({ code: 'invalid.config' }))
    }
  })
})
