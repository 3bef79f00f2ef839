import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { launchChromium } from '../../../../tools/chromium.mjs'

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
  /** WebSockets that the page opened, all in all. */
  readonly sockets: () => number
}

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
  static async open(environment: Readonly<Record<string, string>> = {}): Promise<Scene> {
    const folder = mkdtempSync(join(tmpdir(), 'evegram-web-'))
    const server = spawn(process.execPath, ['tools/start.mjs', '--no-echo'], {
      cwd: root, stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, EVEGRAM_DATA_DIR: join(folder, 'data'), EVEGRAM_HTTP_PORT: '0', EVEGRAM_WS_PORT: '0', EVEGRAM_ADMIN_PORT: '0', EVEGRAM_RATE_FACTOR: '100', ...environment },
    })
    try {
      const url = await saysWhere(server)
      return new Scene(url, await launchChromium(), server, folder)
    } catch (error) {
      server.kill('SIGKILL')
      rmSync(folder, { recursive: true, force: true })
      throw error
    }
  }

  /** A new browser profile that has the page open. */
  async visit(options: Parameters<Browser['newContext']>[0] = {}): Promise<Omit<Person, 'address'>> {
    const context = await this.browser.newContext({ locale: 'en-GB', ...options })
    const page = await context.newPage()
    page.setDefaultTimeout(SHOWN_MS)
    const complaints: string[] = []
    let sockets = 0
    page.on('websocket', () => { sockets += 1 })
    page.on('pageerror', (error) => { complaints.push(`error: ${error.message}`) })
    // What is refused by the policy of the page is told on the console, too.
    page.on('console', (message) => { if (message.type() === 'error' && !/ERR_(INTERNET_DISCONNECTED|CONNECTION_REFUSED|NETWORK)|Failed to load resource/.test(message.text())) complaints.push(`console: ${message.text()}`) })
    await page.addInitScript(() => {
      document.addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) => { console.error(`policy: ${violatedDirective} ${blockedURI}`) })
    })
    await page.goto(this.url)
    return { page, context, complaints, sockets: () => sockets }
  }

  /** Somebody who signed in with a demo wallet of this chain. */
  async person(chain: 'Solana' | 'TON' | 'Terra Classic', options?: Parameters<Browser['newContext']>[0]): Promise<Person> {
    const visitor = await this.visit(options)
    const { page } = visitor
    await page.getByRole('button', { name: chain }).click()
    await page.locator('[data-state="live"]').waitFor({ state: 'attached' })
    await go(page, '#/settings')
    const address = (await page.locator('.own-address .address').first().textContent()) ?? ''
    await go(page, '#/')
    return { ...visitor, address }
  }

  async close(): Promise<void> {
    await this.browser.close()
    const ended = new Promise((resolve) => this.#server.once('exit', resolve))
    this.#server.kill('SIGTERM')
    await ended
    rmSync(this.#folder, { recursive: true, force: true })
  }
}

/** Opens a view by its address. */
export async function go(page: Page, hash: string): Promise<void> {
  await page.evaluate((to) => { location.hash = to }, hash)
}

/** Opens the conversation with an address and says `text`. */
export async function write(from: Person, to: string, text: string): Promise<void> {
  const { page } = from
  await go(page, '#/new')
  await page.getByLabel('Wallet address').fill(to)
  await page.getByRole('button', { name: 'Start chat' }).click()
  await say(page, text)
}

/** Says something in the conversation that is open. */
export async function say(page: Page, text: string): Promise<void> {
  await page.locator('#composer-field').fill(text)
  await page.locator('#composer-field').press('Enter')
  await page.locator('.bubble', { hasText: text }).last().waitFor()
}

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/** What axe finds against WCAG 2.2 AA in the page as it stands, as `rule: element`. */
export async function accessibilityFaults(page: Page): Promise<string[]> {
  // Given to the page by the debugger: its policy lets no foreign script in.
  await page.evaluate(axe)
  return page.evaluate(async () => {
    // axe.min.js defines it; its own types belong to modules.
    const { axe: checker } = globalThis as unknown as { axe: { run(options: object): Promise<{ violations: { id: string; nodes: { target: unknown[] }[] }[] }> } }
    const { violations } = await checker.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] })
    return violations.flatMap(({ id, nodes }) => nodes.map(({ target }) => `${id}: ${target.join(' ')}`))
  })
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
