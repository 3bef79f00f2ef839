import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { isAbsolute, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Context } from './context.js'
import { Output } from './output.js'
import { profileFolder, readSettings, writeSettings } from './profile.js'

describe('the settings of a profile', () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'evegram-profile-'))
  })
  afterEach(() => rmSync(folder, { recursive: true, force: true }))
  const contextOf = (options: { server?: string }, environment: Record<string, string> = {}): Context =>
    new Context({ profile: folder, ...options }, environment, new Output(true, {}))

  it('are empty for a new one, and come back as written, for the owner only', () => {
    expect(readSettings(join(folder, 'none'))).toEqual({})
    writeSettings(join(folder, 'new'), { server: 'http://localhost:1', wallet: '/a.json' })
    expect(readSettings(join(folder, 'new'))).toEqual({ server: 'http://localhost:1', wallet: '/a.json' })
    expect(statSync(join(folder, 'new')).mode & 0o777).toBe(0o700)
    expect(statSync(join(folder, 'new', 'profile.json')).mode & 0o777).toBe(0o600)
  })

  it('that are damaged are told, not guessed', () => {
    for (const text of ['', '{', 'null', '7']) {
      writeFileSync(join(folder, 'profile.json'), text)
      expect(() => readSettings(folder), text).toThrowError(expect.objectContaining({ code: 'invalid.config' }))
    }
  })

  it('live under the home folder unless a place is named', () => {
    expect(profileFolder(undefined)).toBe(join(homedir(), '.evegram', 'default'))
    expect(isAbsolute(profileFolder('alice'))).toBe(true)
  })

  it('name the server: the command line first, then the profile, then the environment, then this machine', () => {
    expect(contextOf({}).server).toBe('http://localhost:8080')
    expect(contextOf({}, { EVEGRAM_SERVER: 'https://environment.example' }).server).toBe('https://environment.example')
    writeSettings(folder, { server: 'https://profile.example' })
    expect(contextOf({}, { EVEGRAM_SERVER: 'https://environment.example' }).server).toBe('https://profile.example')
    expect(contextOf({ server: 'https://option.example' }).server).toBe('https://option.example')
    for (const server of ['localhost:8080', 'ftp://x', 'http://', 'nonsense']) {
      expect(() => contextOf({ server }), server).toThrowError(expect.objectContaining({ code: 'invalid.argument' }))
    }
  })
})
