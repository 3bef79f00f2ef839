import { useClient } from '@evegram/sdk/react'
import { useEffect, useState, type ReactElement } from 'react'
import { useTexts } from '../i18n/texts.js'
import { shortAddress } from '../ui/address.js'

/** Reads new messages out for people who do not see the page. */
export function Announcer(): ReactElement {
  const client = useClient()
  const { t } = useTexts()
  const [said, setSaid] = useState('')
  useEffect(() => client.on('message', (message) => {
    if (message.direction === 'in' && message.text !== '') setSaid(t('chat.said', { name: shortAddress(message.from), text: message.text }))
  }), [client, t])
  return <div className="only-heard" role="log" aria-live="polite">{said}</div>
}
