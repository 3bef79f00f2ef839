import { createInterface } from 'node:readline'
import type { Context } from '../context.js'
import { interruption } from '../interruption.js'
import { messageObject, messageText, shortAddress } from '../message-line.js'

/** Messages of the past that `chat` shows when it starts. */
const CHAT_HISTORY_MESSAGES = 20

/** `evegram chat`: reads lines from the terminal, sends them, and shows what arrives in between. */
export async function chat(context: Context, address: string): Promise<void> {
  await context.withClient(async (client) => {
    const { output } = context
    const conversation = await client.conversation(address)
    await client.whenSynced()
    const stop = interruption()
    const lines = createInterface({ input: process.stdin, output: output.json ? undefined : process.stderr, prompt: '> ' })
    stop.signal.addEventListener('abort', () => lines.close(), { once: true })
    lines.on('SIGINT', () => lines.close())

    const past = await conversation.history(CHAT_HISTORY_MESSAGES)
    for (const message of past) await output.result(messageObject(message), messageText(message, output))
    output.note(`Chatting with ${shortAddress(conversation.peer.address)}; an empty line or Ctrl-C ends it.`)

    const shown = new Set(past.map((message) => message.messageId))
    const unsubscribe = client.on('message', (message) => {
      if (message.conversation !== conversation.id || message.fromAccount === client.account || shown.has(message.messageId)) return
      output.result(messageObject(message), `\r${messageText(message, output)}`).then(
        () => lines.prompt(true),
        (error: unknown) => output.failure(error),
      )
    })
    const alarms = client.on('security', ({ code }) => output.note(output.paint('yellow', `refused something: ${code}`)))
    const devices = client.on('device-added', ({ address: whose }) => {
      output.note(output.paint('yellow', `${shortAddress(whose)} added a device; compare safety numbers: evegram verify ${whose}`))
    })
    if (!output.json) lines.prompt()
    for await (const line of lines) {
      if (line === '') break
      const sent = await conversation.send(line)
      sent.acked.catch((error: unknown) => output.failure(error))
      if (!output.json) lines.prompt()
    }
    for (const release of [unsubscribe, alarms, devices]) release()
    stop.release()
  })
}
