import { storesOf, useClient, useContactNames } from '@evegram/sdk/react'
import { useEffect, useState, type ReactElement } from 'react'
import { useTexts } from '../i18n/texts.js'
import { lineOf } from '../names.js'
import { shortAddress } from '../ui/address.js'

/** Reads new messages out for people who do not see the page. */
export function Announcer(): ReactElement {
  const client = useClient()
  const texts = useTexts()
  const [said, setSaid] = useState('')
  const names = useContactNames()
  useEffect(() => client.on('message', (message) => {
    const isMuted = storesOf(client).conversations.getSnapshot().conversations.find(({ id }) => id === message.conversation)?.flags.muted === true
    const text = lineOf(message, texts)
    if (message.direction === 'in' && text !== '' && !isMuted) setSaid(texts.t('chat.said', { name: names.get(message.fromAccount) ?? shortAddress(message.from), text }))
  }), [client, names, texts])
  return <div className="only-heard" role="log" aria-live="polite">{said}</div>
}
