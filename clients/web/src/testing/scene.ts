import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { launchChromium } from '../../../../tools/chromium.mjs'
import { go } from './drive.js'
import { endAll } from './end-all.js'

const root = fileURLToPath(new URL('../../../../', import.meta.url))
/** Long enough for a first build on a busy machine. */
const START_MS = 400_000
/** How long a page may take to show something. */
export const SHOWN_MS = 60_000

/** Somebody in a browser of their own: nothing is shared with others but the server. */
export interface Person {
  readonly page: Page
  readonly context: BrowserContext
  readonly address: string
  /** What the browser or the page complained about. */
  readonly complaints: readonly string[]
  /** Requests that were answered with a status of an error, which browsers write on the console. */
  readonly refused: readonly string[]
  /** WebSockets that the page opened, all in all. */
  readonly sockets: () => number
  /** Those of them that are open now. What came over one that was closed is in `received`. */
  readonly openSockets: () => number
  /** Every message that the page sent and got over them, in order. */
  readonly sent: () => readonly Uint8Array[]
  readonly received: () => readonly Uint8Array[]
}

/** Chains of demo wallets, as the page calls them. */
export type DemoChain = 'Solana' | 'TON' | 'Terra Classic'

/** `npm start` with its page, and people in a real Chromium. */
export class Scene {
  readonly url: string
  readonly browser: Browser
  readonly #server: ChildProcess
  readonly #folder: string

  private constructor(url: string, browser: Browser, server: ChildProcess, folder: string) {
    this.url = url
    this.browser = browser
    this.#server = server
    this.#folder = folder
  }

  /** Builds what changed and starts the server on free ports. */
  static async start(environment: Readonly<Record<string, string>> = {}): Promise<Scene> {
    const folder = mkdtempSync(join(tmpdir(), 'evegram-web-'))
    const server = spawn(process.execPath, ['tools/start.mjs', '--no-echo'], {
      cwd: root, stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, EVEGRAM_DATA_DIR: join(folder, 'data'), EVEGRAM_HTTP_PORT: '0', EVEGRAM_WS_PORT: '0', EVEGRAM_ADMIN_PORT: '0', EVEGRAM_RATE_FACTOR: '100', ...environment },
    })
    try {
      const url = await saysWhere(server)
      return new Scene(url, await launchChromium(), server, folder)
    } catch (error) {
      await endServer(server, folder)
      throw error
    }
  }

  /** A new browser profile that has the page open. */
  async visit(options: Parameters<Browser['newContext']>[0] = {}): Promise<Omit<Person, 'address'>> {
    const context = await this.browser.newContext({ locale: 'en-GB', ...options })
    // Nobody is there to choose a place in a window of the system: what is saved comes as a download.
    await context.addInitScript(() => { Reflect.deleteProperty(globalThis, 'showSaveFilePicker') })
    const page = await context.newPage()
    page.setDefaultTimeout(SHOWN_MS)
    const complaints: string[] = []
    const refused: string[] = []
    let sockets = 0
    let openSockets = 0
    const sent: Uint8Array[] = []
    const received: Uint8Array[] = []
    page.on('websocket', (socket) => {
      sockets += 1
      openSockets += 1
      socket.once('close', () => { openSockets -= 1 })
      socket.on('framesent', ({ payload }) => { sent.push(bytesOf(payload)) })
      socket.on('framereceived', ({ payload }) => { received.push(bytesOf(payload)) })
    })
    page.on('response', (response) => { if (response.status() >= 400) refused.push(`${String(response.status())} ${response.request().method()} ${new URL(response.url()).pathname}`) })
    page.on('pageerror', (error) => { complaints.push(`error: ${error.message}`) })
    // What is refused by the policy of the page is told on the console, too.
    page.on('console', (message) => { if (message.type() === 'error' && !/ERR_(INTERNET_DISCONNECTED|CONNECTION_REFUSED|NETWORK)|Failed to load resource/.test(message.text())) complaints.push(`console: ${message.text()}`) })
    await page.addInitScript(() => {
      document.addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) => { console.error(`policy: ${violatedDirective} ${blockedURI}`) })
    })
    await page.goto(this.url)
    return { page, context, complaints, refused, sockets: () => sockets, openSockets: () => openSockets, sent: () => sent, received: () => received }
  }

  /** Somebody who signed in with a demo wallet of this chain. */
  async person(chain: DemoChain, options?: Parameters<Browser['newContext']>[0]): Promise<Person> {
    const visitor = await this.visit(options)
    const { page } = visitor
    await page.locator('.demo-choices').getByRole('button', { name: chain, exact: true }).click()
    await page.locator('[data-state="live"]').waitFor({ state: 'attached' })
    await go(page, '#/settings')
    const address = (await page.locator('.own-address .address').first().textContent()) ?? ''
    await go(page, '#/')
    return { ...visitor, address }
  }

  /** The page in a context that was prepared. */
  async open(context: BrowserContext): Promise<Page> {
    const page = await context.newPage()
    page.setDefaultTimeout(SHOWN_MS)
    await page.goto(this.url)
    return page
  }

  /** The same person, with the same wallet, in another browser: what is copied is the wallet alone. */
  async secondDevice(person: Person, chain: DemoChain): Promise<Person> {
    const { origins } = await person.context.storageState()
    const wallet = origins.map(({ origin, localStorage }) => ({ origin, localStorage: localStorage.filter(({ name }) => name.startsWith('evegram.demo.')) }))
    return this.person(chain, { storageState: { cookies: [], origins: wallet } })
  }

  async close(): Promise<void> {
    await endAll(() => this.browser.close(), () => endServer(this.#server, this.#folder))
  }
}

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/** What axe finds against WCAG 2.2 AA in the page as it stands, or in the part of it that `within` selects, as `rule: element`. */
export async function accessibilityFaults(page: Page, within = 'html'): Promise<string[]> {
  // Given to the page by the debugger: its policy lets no foreign script in.
  await page.evaluate(axe)
  return page.evaluate(async (selector) => {
    // axe.min.js defines it; its own types belong to modules.
    const { axe: checker } = globalThis as unknown as { axe: { run(within: string, options: object): Promise<{ violations: { id: string; nodes: { target: unknown[] }[] }[] }> } }
    const { violations } = await checker.run(selector, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] })
    return violations.flatMap(({ id, nodes }) => nodes.map(({ target }) => `${id}: ${target.join(' ')}`))
  }, within)
}

async function endServer(server: ChildProcess, folder: string): Promise<void> {
  if (server.exitCode === null && server.signalCode === null) {
    const ended = new Promise((resolve) => server.once('exit', resolve))
    server.kill('SIGTERM')
    await ended
  }
  rmSync(folder, { recursive: true, force: true })
}

async function saysWhere(server: ChildProcess): Promise<string> {
  let output = ''
  for (const stream of [server.stdout, server.stderr]) stream?.setEncoding('utf8').on('data', (text: string) => { output += text })
  const deadline = performance.now() + START_MS
  for (;;) {
    const found = /Evegram runs: (http:\/\/\S+)/.exec(output)?.[1]
    if (found !== undefined) return found
    if (server.exitCode !== null) throw new Error(`npm start ended: ${output}`)
    if (performance.now() > deadline) throw new Error(`npm start said nothing of where it runs: ${output}`)
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

function bytesOf(payload: string | Buffer): Uint8Array {
  return typeof payload === 'string' ? Buffer.from(payload, 'latin1') : Uint8Array.from(payload)
}
