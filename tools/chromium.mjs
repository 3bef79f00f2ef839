#!/usr/bin/env node
// Chromium for the tests of pages: the one that EVEGRAM_CHROMIUM names, else one in PATH, else Debian's, installed where this process is root.
// `node tools/chromium.mjs` prints where it is.
import { execFile } from 'node:child_process'
import { accessSync, constants, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'

/** Names under which systems have it, the usual one first. */
const PROGRAMS = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome']
const INSTALL_MS_MAX = 600_000
const LOOK_MS = 500
/** Two test files that ask at once install it once. */
const INSTALL_LOCK = join(tmpdir(), 'evegram-chromium-install')
const HOW = 'install it (Debian: apt-get install chromium, Fedora: dnf install chromium), or name one in EVEGRAM_CHROMIUM'

/**
 * Path of a Chromium. Rejects with what to install where there is none and none can be installed. `environment` and `install` are given by tests.
 */
export async function findChromium({ environment = process.env, install = installFromDebian, isRoot = process.getuid?.() === 0 } = {}) {
  const named = environment['EVEGRAM_CHROMIUM']
  if (named !== undefined && named !== '') {
    if (!isProgram(named)) throw new Error(`EVEGRAM_CHROMIUM names ${named}, which is no program`)
    return named
  }
  const present = inPath(environment)
  if (present !== undefined) return present
  if (!isRoot) throw new Error(`no Chromium here: ${HOW}`)
  try {
    await install()
  } catch (error) {
    throw new Error(`no Chromium here, and apt-get did not bring one (${error.message}): ${HOW}`, { cause: error })
  }
  const installed = inPath(environment)
  if (installed === undefined) throw new Error(`no Chromium in PATH after it was installed: ${HOW}`)
  return installed
}

/** A Chromium that playwright-core drives, without a window. `args` are added to its command line. Close it when done. */
export async function launchChromium({ args = [] } = {}) {
  const { chromium } = await import('playwright-core')
  // Its sandbox does not run as root; what it opens here is our own page on loopback.
  const sandbox = process.getuid?.() === 0 ? ['--no-sandbox'] : []
  return chromium.launch({ executablePath: await findChromium(), args: [...sandbox, '--disable-dev-shm-usage', ...args] })
}

function inPath(environment) {
  for (const folder of (environment['PATH'] ?? '').split(delimiter)) {
    for (const program of PROGRAMS) if (folder !== '' && isProgram(join(folder, program))) return join(folder, program)
  }
  return undefined
}

function isProgram(path) {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    // Not there, or not ours to run.
    return false
  }
}

async function installFromDebian() {
  const deadline = Date.now() + INSTALL_MS_MAX
  while (!tookLock()) {
    if (Date.now() > deadline) throw new Error(`another process installs it for too long; if there is none, remove ${INSTALL_LOCK}`)
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
  }
  try {
    if (inPath(process.env) !== undefined) return
    console.error('Installing Chromium for the tests of pages (once, a minute) …')
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
    const apt = (...args) => promisify(execFile)('apt-get', args, { env, timeout: INSTALL_MS_MAX, maxBuffer: 16 * 1024 * 1024 })
    await apt('update', '-q')
    await apt('install', '-y', '-q', '--no-install-recommends', 'chromium')
  } finally {
    rmSync(INSTALL_LOCK, { force: true })
  }
}

function tookLock() {
  try {
    if (Date.now() - statSync(INSTALL_LOCK).mtimeMs > INSTALL_MS_MAX) rmSync(INSTALL_LOCK, { force: true })
  } catch (error) {
    if (error.code !== 'ENOENT') throw error
  }
  try {
    writeFileSync(INSTALL_LOCK, String(process.pid), { flag: 'wx' })
    return true
  } catch (error) {
    if (error.code !== 'EEXIST') throw error
    return false
  }
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  try {
    console.log(await findChromium())
  } catch (error) {
    console.error(error.message)
    process.exit(1)
  }
}
