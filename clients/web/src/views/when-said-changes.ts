import type { Client } from '@evegram/sdk'

/** Calls `again` whenever what a stranger said in a conversation may be another: more came, it was changed or is gone, a part was declined on another own device, or an archive brought some. Ends when the function that it returns is called. */
export function whenSaidChanges(client: Pick<Client, 'on'>, conversation: string, again: () => void): () => void {
  const isHere = (event: { readonly conversation: string }): void => { if (event.conversation === conversation) again() }
  const stops = [
    client.on('message-request', isHere), client.on('request-changed', isHere), client.on('message-expired', isHere),
    client.on('message-changed', ({ message }) => { isHere(message) }), client.on('history-imported', again),
  ]
  return () => { for (const stop of stops) stop() }
}
