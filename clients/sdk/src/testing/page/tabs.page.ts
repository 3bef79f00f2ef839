// A page that shares a profile with other tabs, as an application does.
import { createLocalWallet, openBrowserClient, type Client } from '../../browser.js'

/** The client of this tab. */
export const tab: { client?: Client; readonly codes: string[]; readonly heard: string[]; uploaded: number; sending: string } = { codes: [], heard: [], uploaded: 0, sending: '' }

/** Opens the profile, signed in with a wallet of its own when `seed` is given. */
export async function open(url: string, profile: string, seed: number | undefined): Promise<string> {
  const client = await openBrowserClient({ url, profile, requests: 'accept-all', ...(seed === undefined ? {} : { wallet: createLocalWallet('ton', new Uint8Array(32).fill(seed)) }) })
  tab.client = client
  client.on('security', ({ code }) => { tab.codes.push(code) })
  client.on('message', ({ text, direction }) => { if (direction === 'in') tab.heard.push(text) })
  client.on('upload', ({ progress }) => { tab.uploaded = progress.doneBytes })
  await client.whenSynced()
  return client.address
}

function opened(): Client {
  if (tab.client === undefined) throw new Error('not opened')
  return tab.client
}

/** Sends texts one behind the other and tells each that was committed; resolves when the server has all of them. */
export async function say(peer: string, prefix: string, count: number, told?: (text: string) => void): Promise<void> {
  const conversation = await opened().conversation(peer)
  const acks: Promise<unknown>[] = []
  for (let number = 1; number <= count; number++) {
    const text = `${prefix}${String(number)}`
    const sent = await conversation.send(text)
    told?.(text)
    acks.push(sent.acked)
  }
  await Promise.all(acks)
}

/** Texts of the conversation in its order, as this tab shows them. */
export async function texts(peer: string): Promise<string[]> {
  return (await (await opened().conversation(peer)).history(10_000)).map(({ text }) => text)
}

/** The same as an iteration gives them that ends behind `count`. */
export async function iterate(peer: string, count: number): Promise<string[]> {
  const found: string[] = []
  for await (const { text } of (await opened().conversation(peer)).messages()) {
    found.push(text)
    if (found.length >= count) break
  }
  return found
}

/** Says a file of `bytes` bytes that its number makes; `tab.sending` has how that ended. Resolves when it is durable here. */
export async function sendFile(peer: string, bytes: number): Promise<void> {
  const conversation = await opened().conversation(peer)
  const content = Uint8Array.from({ length: bytes }, (_, at) => (at * 2_654_435_761) >>> 24)
  const { message } = await conversation.sendFiles([new File([content], 'film.bin')], { text: 'as promised' })
  message.then(() => { tab.sending = 'sent' }, (failure: unknown) => { tab.sending = failure instanceof Error && 'code' in failure ? String(failure.code) : String(failure) })
}

/** SHA-256 in hex of each file of the conversation, as this tab downloads it. */
export async function fileDigests(peer: string): Promise<string[]> {
  const digests: string[] = []
  for (const message of await (await opened().conversation(peer)).history(100)) {
    if (message.files === undefined) continue
    const content = await new Response(opened().download(message, 0)).arrayBuffer()
    digests.push([...new Uint8Array(await crypto.subtle.digest('SHA-256', content))].map((byte) => byte.toString(16).padStart(2, '0')).join(''))
  }
  return digests
}
