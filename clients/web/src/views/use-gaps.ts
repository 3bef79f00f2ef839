import type { ConversationGap } from '@evegram/sdk'
import { useClient } from '@evegram/sdk/react'
import { useEffect, useState } from 'react'
import type { OpenConversation } from './open-conversation.js'

const NONE: readonly ConversationGap[] = []

/** What is missing in a conversation, read again whenever that may have changed. */
export function useGaps(conversation: OpenConversation | undefined): readonly ConversationGap[] {
  const client = useClient()
  const [gaps, setGaps] = useState(NONE)
  useEffect(() => {
    if (conversation === undefined) return undefined
    const { id } = conversation
    let isCurrent = true
    let missing = 0
    let reads = 0
    const read = (): void => {
      const number = ++reads
      conversation.gaps().then((found) => {
        if (!isCurrent || number !== reads) return
        missing = found.length
        setGaps(found.length === 0 ? NONE : found)
        // What cannot be read is said by the messages beside it, which come from the same store.
      }, () => undefined)
    }
    read()
    const stops = [
      client.on('gap', (event) => { if (event.conversation === undefined || event.conversation === id) read() }),
      // One that was missing may have come.
      client.on('message', (message) => { if (message.conversation === id && missing > 0) read() }),
      client.on('history-imported', read),
    ]
    return () => {
      isCurrent = false
      for (const stop of stops) stop()
    }
  }, [client, conversation])
  return gaps
}
