import type { Scene } from './scene.js'

/** Four times slower than this machine: as a phone of the cheaper kind. */
const THROTTLE = 4

/** What a first visit costs. */
export interface FirstLoad {
  readonly scripts: number
  /** Of all scripts, as they were sent. */
  readonly bytes: number
  /** CPU time of the main thread until the page could be used, throttled. */
  readonly workMs: number
  /** Time that passed until then. */
  readonly waitedMs: number
}

/** Opens the page in a new browser profile at a quarter of the CPU, until somebody could sign in. */
export async function firstLoad(scene: Scene): Promise<FirstLoad> {
  const context = await scene.browser.newContext({ locale: 'en-GB' })
  const page = await context.newPage()
  const sizes: number[] = []
  page.on('response', (response) => { if (response.request().resourceType() === 'script') sizes.push(Number(response.headers()['content-length'] ?? '0')) })
  const session = await context.newCDPSession(page)
  await session.send('Performance.enable', { timeDomain: 'threadTicks' })
  await session.send('Emulation.setCPUThrottlingRate', { rate: THROTTLE })
  await page.goto(scene.url)
  const choice = page.getByRole('button', { name: 'Solana' })
  await choice.waitFor()
  const waitedMs = await page.evaluate(() => performance.now())
  const { metrics } = await session.send('Performance.getMetrics')
  const workMs = 1_000 * (metrics.find(({ name }) => name === 'TaskDuration')?.value ?? 0)
  await context.close()
  return { scripts: sizes.length, bytes: sizes.reduce((sum, size) => sum + size, 0), workMs, waitedMs }
}
