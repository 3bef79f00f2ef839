import { appendFileSync, existsSync, readFileSync } from 'node:fs'
import { isEvegramError } from '@evegram/protocol'
import { createLocalWallet, type Client, type Conversation } from '@evegram/sdk'
import { createNodeClient } from '@evegram/sdk/node'
import type { ClientSettings, FromClient, ShownConversation, ToClient } from './client-protocol.js'

/** Messages of this client that wait for their acknowledgement at a time. */
const IN_FLIGHT_MAX = 8
const PROGRESS_INTERVAL_MS = 200
/** More than any run sends in one conversation. */
const HISTORY_MAX = 10_000_000
const START_TRIES_MAX = 60
const START_RETRY_MS = 500

const settings = JSON.parse(process.argv[2] ?? '{}') as ClientSettings
const tell = (message: FromClient): void => {
  process.send?.(message)
}
// The coordinator is gone: nobody wants the rest.
process.on('disconnect', () => process.exit(0))

const counters: Record<string, number> = {}
const count = (name: string): void => {
  counters[name] = (counters[name] ?? 0) + 1
}

/** Opens the profile; a server that is being killed right now is waited for, as a person would try again. */
async function openClient(): Promise<Client> {
  const wallet = createLocalWallet(settings.chain, new Uint8Array(Buffer.from(settings.seed, 'base64url')))
  for (let attempt = 1; ; attempt++) {
    try {
      return await createNodeClient({ url: settings.url, profile: settings.profile, wallet, requests: 'accept-all' })
    } catch (error) {
      const passing = isEvegramError(error) && error.retry !== 'never'
      if (!passing || attempt >= START_TRIES_MAX) throw error
      count('start-retries')
      await new Promise((resolve) => setTimeout(resolve, START_RETRY_MS))
    }
  }
}

/** Texts of this client that are known to be acknowledged, over all its lives. */
const acknowledged = new Set(existsSync(settings.ackFile) ? readFileSync(settings.ackFile, 'utf8').split('\n') : [])

function recordAck(text: string): void {
  if (acknowledged.has(text)) return
  acknowledged.add(text)
  // A line of a few bytes is written whole by one write(2), and stays when this process is killed.
  appendFileSync(settings.ackFile, `${text}\n`)
  acked++
}

const LEFTOVER_POLL_MS = 250

/** What an earlier life of this client left in its outbox is acknowledged without anybody waiting for it: look at its state. */
async function recordLeftovers(conversation: Conversation, texts: readonly string[]): Promise<void> {
  let left = texts.filter((text) => !acknowledged.has(text))
  while (left.length > 0) {
    const sent = new Set((await conversation.history(HISTORY_MAX)).filter(({ state }) => state === 'sent').map(({ text }) => text))
    for (const text of left) if (sent.has(text)) recordAck(text)
    left = left.filter((text) => !acknowledged.has(text))
    await new Promise((resolve) => setTimeout(resolve, LEFTOVER_POLL_MS))
  }
}

async function sendAll(conversation: Conversation, first: number): Promise<void> {
  const waiting = new Set<Promise<void>>()
  for (let number = first; number <= settings.messages; number++) {
    const text = `${settings.name}:${String(number)}`
    const sent = await conversation.send(text)
    const done: Promise<void> = sent.acked.then(() => {
      recordAck(text)
      waiting.delete(done)
    })
    waiting.add(done)
    if (waiting.size >= IN_FLIGHT_MAX) await Promise.race(waiting)
  }
  await Promise.all(waiting)
}

let acked = 0
let shown = 0

async function main(): Promise<void> {
  const client = await openClient()
  client.on('message', () => {
    shown++
  })
  client.on('security', ({ code }) => count(`refused ${code}`))
  client.on('gap', () => count('gaps'))
  client.on('session-healed', () => count('healed'))
  const progress = setInterval(() => tell({ kind: 'progress', acked, shown }), PROGRESS_INTERVAL_MS)

  const report = async (): Promise<ShownConversation[]> => {
    const conversations: ShownConversation[] = []
    for (const conversation of await client.conversations()) {
      const texts = (await conversation.history(HISTORY_MAX)).map((message) => message.text)
      conversations.push({ peerAddress: conversation.peer.address, texts })
    }
    return conversations
  }

  process.on('message', (message: ToClient) => {
    handle(message).catch((error: unknown) => {
      tell({ kind: 'failed', message: error instanceof Error ? (error.stack ?? error.message) : String(error) })
    })
  })
  const handle = async (message: ToClient): Promise<void> => {
    switch (message.kind) {
      case 'send': {
        const conversation = await client.conversation(message.peerAddress)
        // After a kill the numbers go on where the local store says that they stopped: its outbox sends what was not acknowledged.
        const own = (await conversation.history(HISTORY_MAX)).filter((one) => one.text.startsWith(`${settings.name}:`))
        const numbers = own.map((one) => Number(one.text.slice(settings.name.length + 1)))
        const last = numbers.reduce((highest, number) => Math.max(highest, number), 0)
        await Promise.all([recordLeftovers(conversation, own.map(({ text }) => text)), sendAll(conversation, last + 1)])
        return
      }
      case 'report':
        tell({ kind: 'report', conversations: await report(), counters })
        return
      case 'stop':
        clearInterval(progress)
        await client.close()
        process.exit(0)
        return
      default:
        message satisfies never
    }
  }
  tell({ kind: 'ready', address: client.address, account: client.account, device: client.device })
}

main().catch((error: unknown) => {
  tell({ kind: 'failed', message: error instanceof Error ? (error.stack ?? error.message) : String(error) })
  process.exitCode = 1
})
