import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { holderOf, lockFolder } from './folder-lock.js'

describe('the lock of the data folder', () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'evegram-lock-'))
  })
  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  it('can be taken again after it was released', () => {
    lockFolder(folder).release()
    lockFolder(folder).release()
    expect(holderOf(folder)).toBeUndefined()
  })

  it('is not given twice to one process, whatever the folder is called', () => {
    const lock = lockFolder(folder)
    for (const name of [folder, join(folder, '..', basename(folder))]) {
      expect(() => lockFolder(name)).toThrowError(expect.objectContaining({ code: 'conflict.data_in_use', details: { pid: process.pid } }))
    }
    expect(holderOf(folder)).toBe(process.pid)
    lock.release()
    const next = lockFolder(folder)
    // Of the lock that was released before: the folder stays locked.
    lock.release()
    expect(holderOf(folder)).toBe(process.pid)
    next.release()
  })

  it('is taken over from a process that had the same pid', () => {
    writeFileSync(join(folder, 'lock'), JSON.stringify({ pid: process.pid, startedAt: 'another boot:1' }))
    expect(holderOf(folder)).toBeUndefined()
    lockFolder(folder).release()
  })

  it('names the living process that holds it', async () => {
    const other = spawn(process.execPath, ['-e', 'setTimeout(() => {}, 20000)'], { stdio: 'ignore' })
    try {
      await new Promise((resolve) => other.once('spawn', resolve))
      writeFileSync(join(folder, 'lock'), JSON.stringify({ pid: other.pid, startedAt: '' }))
      expect(() => lockFolder(folder)).toThrowError(expect.objectContaining({ code: 'conflict.data_in_use', details: { pid: other.pid } }))
    } finally {
      other.kill('SIGKILL')
    }
  })

  it('is taken over from a process that is gone, and from a pid that was given to another process', () => {
    writeFileSync(join(folder, 'lock'), JSON.stringify({ pid: 2 ** 22 + 1, startedAt: 'x:1' }))
    lockFolder(folder).release()
    writeFileSync(join(folder, 'lock'), JSON.stringify({ pid: 1, startedAt: 'another boot:1' }))
    lockFolder(folder).release()
    writeFileSync(join(folder, 'lock'), 'damaged')
    lockFolder(folder).release()
  })
})
