import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { nameFile } from './name-file.js'

describe('a finished file', () => {
  let folder: string
  beforeEach(() => { folder = mkdtempSync(join(tmpdir(), 'evegram-name-')) })
  afterEach(() => { rmSync(folder, { recursive: true }) })

  const part = (): string => {
    writeFileSync(join(folder, 'part'), 'whole')
    return join(folder, 'part')
  }
  /** A file system as cards and sticks have it. */
  const noLinks = (): Promise<void> => Promise.reject(Object.assign(new Error('operation not permitted'), { code: 'EPERM' }))

  it.each([['where there are links', undefined], ['where there are none', noLinks]])('gets its name %s', async (_where, linked) => {
    await nameFile(part(), join(folder, 'mine'), 'write', linked)
    expect(readFileSync(join(folder, 'mine'), 'utf8')).toBe('whole')
  })

  it.each([['where there are links', undefined], ['where there are none', noLinks]])('takes it from no other file %s', async (_where, linked) => {
    writeFileSync(join(folder, 'mine'), 'older')
    await expect(nameFile(part(), join(folder, 'mine'), 'write', linked)).rejects.toMatchObject({ code: 'invalid.argument', advice: 'A file of this name exists already: choose another.' })
    expect([readFileSync(join(folder, 'mine'), 'utf8'), readdirSync(folder).sort()]).toEqual(['older', ['mine', 'part']])
  })
})
