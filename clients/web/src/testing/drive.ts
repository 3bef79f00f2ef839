import type { Page } from 'playwright-core'

/** Opens a view by its address. */
export async function go(page: Page, hash: string): Promise<void> {
  await page.evaluate((to) => { location.hash = to }, hash)
}

/** Opens the conversation with an address and says `text`. */
export async function write({ page }: { readonly page: Page }, to: string, text: string): Promise<void> {
  await go(page, '#/new')
  await page.getByLabel('Wallet address').fill(to)
  await page.getByRole('button', { name: 'Start chat' }).click()
  await say(page, text)
}

/** Accepts what a stranger began, from the list of requests, and is in the conversation then. */
export async function acceptRequest(page: Page): Promise<void> {
  await page.locator('.requests-entry').waitFor()
  await go(page, '#/requests')
  await page.locator('.panel .card').first().click()
  await page.getByRole('button', { name: 'Accept' }).click()
  await page.locator('#composer-field').waitFor()
}

/** Says something in the conversation that is open. */
export async function say(page: Page, text: string): Promise<void> {
  await page.locator('#composer-field').fill(text)
  await page.locator('#composer-field').press('Enter')
  await page.locator('.bubble', { hasText: text }).last().waitFor()
}

/** Waits until a text of somebody else, or of another own device, stands in the conversation that is open. */
export async function shows(page: Page, text: string): Promise<void> {
  await page.locator('.bubble', { hasText: text }).last().waitFor()
}

/** Opens the menu of a message. */
export async function openMenuOf(page: Page, text: string): Promise<void> {
  const message = page.locator('.message', { hasText: text }).last()
  await message.hover()
  await message.getByRole('button', { name: 'What to do with this message' }).click()
}

/** Opens the conversation whose row in the list says `text`. */
export async function openRow(page: Page, text: string | RegExp): Promise<void> {
  await page.locator('[data-row]', { hasText: text }).first().click()
}

/** The conversation that is open, by the address of the page. */
export function openConversation(page: Page): string {
  return /#\/c\/([0-9a-f]{32})/.exec(page.url())?.[1] ?? ''
}

/** Founds a group, which is open then. */
export async function foundGroup(page: Page, name: string, members: readonly string[]): Promise<string> {
  await go(page, '#/new-group')
  await page.getByLabel('Name').fill(name)
  await page.getByLabel('Members').fill(members.join('\n'))
  await page.getByRole('button', { name: 'Create' }).click()
  await page.locator('#composer-field').waitFor()
  return openConversation(page)
}

/** Values of the bar of an upload, each once, in the order in which the page shows them until the bar goes. To be begun before the upload is. */
export function watchUpload(page: Page): Promise<readonly number[]> {
  return page.evaluate(async () => {
    const values: number[] = []
    const bar = (): HTMLProgressElement | null => document.querySelector<HTMLProgressElement>('.uploads progress')
    while (bar() === null) await new Promise(requestAnimationFrame)
    for (let shown = bar(); shown !== null; shown = bar()) {
      if (values.at(-1) !== shown.value) values.push(shown.value)
      await new Promise(requestAnimationFrame)
    }
    return values
  })
}

/** Removes a member of the group that is open. `short`: how the page writes their address. */
export async function removeMember(page: Page, group: string, short: string): Promise<void> {
  await go(page, `#/c/${group}/info`)
  const button = page.getByRole('button', { name: `Remove ${short}` })
  await button.click()
  await button.waitFor({ state: 'detached' })
  await go(page, `#/c/${group}`)
}

/** Founds a channel, which is open then, and gives its link. */
export async function foundChannel(page: Page, name: string): Promise<{ readonly id: string; readonly link: string }> {
  await go(page, '#/new-channel')
  await page.getByLabel('Name').fill(name)
  await page.getByRole('button', { name: 'Create' }).click()
  await page.locator('#post-field').waitFor()
  const id = openConversation(page)
  await page.getByRole('link', { name: 'About this conversation' }).click()
  const link = await page.locator('.own-address .address').textContent() ?? ''
  await go(page, `#/c/${id}`)
  await page.locator('#post-field').waitFor()
  return { id, link }
}

/** Posts in the channel that is open. */
export async function post(page: Page, text: string): Promise<void> {
  await page.locator('#post-field').fill(text)
  await page.getByRole('button', { name: 'Send' }).click()
  await page.locator('.post', { hasText: text }).waitFor()
}
