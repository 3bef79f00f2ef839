import type { Interface } from 'node:readline'
import type { Client, Conversation } from '@evegram/sdk'
import { shortAddress } from './message-line.js'
import { visible } from './visible.js'

/** The prompt of a chat in which nobody else types. */
export const CHAT_PROMPT = '> '

/** Where keys come from: standard input, once a readline interface on a terminal reads it. */
interface Keys {
  on(event: 'keypress', listener: () => void): unknown
  off(event: 'keypress', listener: () => void): unknown
}

/** Says in the prompt that the other side types; what somebody is writing here stays as it is. Returns the end of it. */
export function showTyping(
  client: Pick<Client, 'on'>, conversation: Pick<Conversation, 'id' | 'peer'>, lines: Pick<Interface, 'setPrompt' | 'prompt'>, paint: (text: string) => string,
): () => void {
  return client.on('typing', (event) => {
    // Another device of the own account is nobody to wait for.
    if (event.conversation !== conversation.id || event.account !== conversation.peer.account) return
    lines.setPrompt(event.typing ? `${paint(`${visible(shortAddress(event.address))} is typing`)} ${CHAT_PROMPT}` : CHAT_PROMPT)
    lines.prompt(true)
  })
}

/** Says at every key that a person is here: contacts who ask are told, where the settings allow it. Returns the end of it. */
export function tellHere(client: Pick<Client, 'presence'>, keys: Keys): () => void {
  // Nothing is promised of it: what fails is not told either.
  const say = (active: boolean): void => { client.presence.here(active).catch(() => undefined) }
  const look = (): void => { say(true) }
  keys.on('keypress', look)
  look()
  return () => {
    keys.off('keypress', look)
    say(false)
  }
}

/** Tells the other side while something is being written in `lines`, and that it is not any more when the line is empty or this ends. Returns the end of it. */
export function tellTyping(conversation: Pick<Conversation, 'typing'>, keys: Keys, lines: Pick<Interface, 'line'>): () => void {
  // The interface took the key before: its line is as it is shown.
  const look = (): void => { conversation.typing(lines.line.trim() !== '') }
  keys.on('keypress', look)
  return () => {
    keys.off('keypress', look)
    conversation.typing(false)
  }
}
