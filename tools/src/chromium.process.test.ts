import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { findChromium, launchChromium } from '../chromium.mjs'

describe('Chromium for the tests of pages', () => {
  const folder = mkdtempSync(join(tmpdir(), 'evegram-chromium-'))
  afterAll(() => { rmSync(folder, { recursive: true, force: true }) })
  const program = (name: string, mode = 0o755): string => {
    const path = join(folder, name)
    mkdirSync(join(path, '..'), { recursive: true })
    writeFileSync(path, '#!/bin/sh\n')
    chmodSync(path, mode)
    return path
  }

  it('is the one that is named, before one in PATH', async () => {
    const named = program('named/my-chromium')
    const inPath = program('bin/chromium')
    expect(await findChromium({ environment: { EVEGRAM_CHROMIUM: named, PATH: join(folder, 'bin') } })).toBe(named)
    expect(await findChromium({ environment: { PATH: `/nowhere:${join(folder, 'bin')}` } })).toBe(inPath)
  })

  it('is not looked for elsewhere when the named one is no program', async () => {
    const environment = { EVEGRAM_CHROMIUM: program('named/plain-file', 0o644).replace('plain-file', 'missing'), PATH: join(folder, 'bin') }
    await expect(findChromium({ environment })).rejects.toThrow(/EVEGRAM_CHROMIUM names .*missing, which is no program/)
  })

  it('is installed where this process may, and else says what to install', async () => {
    const PATH = join(folder, 'later')
    await expect(findChromium({ environment: { PATH }, isRoot: false })).rejects.toThrow(/apt-get install chromium.*EVEGRAM_CHROMIUM/)
    await expect(findChromium({ environment: { PATH }, isRoot: true, install: () => Promise.reject(new Error('no mirror')) })).rejects.toThrow(/no mirror.*apt-get install chromium/)
    const install = (): Promise<void> => {
      program('later/chromium')
      return Promise.resolve()
    }
    expect(await findChromium({ environment: { PATH }, isRoot: true, install })).toBe(join(PATH, 'chromium'))
  })

  it('opens a page', async () => {
    const browser = await launchChromium()
    try {
      const page = await browser.newPage()
      await page.setContent('<title>here</title>')
      expect(await page.title()).toBe('here')
    } finally {
      await browser.close()
    }
  }, 120_000)
})
