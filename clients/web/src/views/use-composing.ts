import type { Client, ClientEvents } from '@evegram/sdk'
import { useClient } from '@evegram/sdk/react'
import { useEffect, useState } from 'react'
import type { Composing } from './composing.js'

/** What is being written, and what changes that. Of a message that is gone there is nothing to answer or to edit: what was written stays. */
export function useComposing(conversation: string): readonly [Composing, (composing: Composing) => void] {
  const client = useClient()
  const [composing, setComposing] = useState<Composing>({ kind: 'new' })
  useEffect(() => followMessage(client, conversation, (after) => { setComposing(after) }), [client, conversation])
  return [composing, setComposing]
}

/** Calls `change` with what makes of {@link Composing} what it is after its message changed, or is gone. Ends when the function that it returns is called. */
export function followMessage(client: Pick<Client, 'on'>, conversation: string, change: (after: (composing: Composing) => Composing) => void): () => void {
  const gone = (messageId: string): void => { change((composing) => (isOf(composing, messageId) ? { kind: 'new', gaveUp: composing.kind } : composing)) }
  const changed = ({ message }: ClientEvents['message-changed']): void => {
    if (message.conversation !== conversation) return
    if (message.deleted === true) gone(message.messageId)
    // What is answered is shown as it is now; what is being edited has the person's own text.
    else change((composing) => (isOf(composing, message.messageId) && composing.kind === 'reply' ? { kind: 'reply', message } : composing))
  }
  const stops = [client.on('message-changed', changed), client.on('message-expired', (event) => { if (event.conversation === conversation) gone(event.messageId) })]
  return () => { for (const stop of stops) stop() }
}

function isOf(composing: Composing, messageId: string): composing is Exclude<Composing, { readonly kind: 'new' }> {
  return composing.kind !== 'new' && composing.message.messageId === messageId
}
