import type { Message } from '@evegram/sdk'
import { useClient, useContactNames } from '@evegram/sdk/react'
import { useCallback, useEffect, type ReactElement } from 'react'
import { useTexts } from '../i18n/texts.js'
import { lettersOf, shortAddress } from '../ui/address.js'
import { Avatar } from '../ui/avatar.js'
import { Failure, Loading } from '../ui/feedback.js'
import { useLoaded } from '../ui/use-loaded.js'
import { useModal } from '../ui/use-modal.js'
import type { OpenConversation } from './open-conversation.js'

/** Who received and read an own message, as far as they say. Escape closes it. */
export function ReceiptsDialog({ message, conversation, onClose }: { readonly message: Message; readonly conversation: OpenConversation; readonly onClose: () => void }): ReactElement {
  const { t, date, time } = useTexts()
  const client = useClient()
  const names = useContactNames()
  const dialog = useModal(onClose)
  const { messageId, conversation: id, sentAtMs } = message
  const { now, again } = useLoaded(useCallback(() => conversation.receipts(messageId), [conversation, messageId]))
  useEffect(() => client.on('receipts-changed', (event) => { if (event.conversation === id) again() }), [client, id, again])
  return (
    <dialog {...dialog} className="dialog forward" aria-labelledby="receipts-title">
      <h2 id="receipts-title">{t('receipts.title')}</h2>
      <p className="small">{t('receipts.sent', { date: `${date(sentAtMs)} ${time(sentAtMs)}` })}</p>
      {now.status === 'loading' ? <Loading rows={2} /> : now.status === 'failed' ? <Failure code={now.code} retry={again} /> : now.value.length === 0 ? <p>{t('receipts.none')}</p> : (
        <ul className="people">
          {now.value.map(({ account, address, status }) => (
            <li key={account}><Avatar id={account} label={names.get(account) ?? lettersOf(address)} /><span className="person-name" dir="auto" title={address}>{names.get(account) ?? shortAddress(address)}</span><span className="soft small">{t(`state.${status}`)}</span></li>
          ))}
        </ul>
      )}
      <p className="small">{t('receipts.hint')}</p>
      <form method="dialog" className="actions"><button type="submit" className="button">{t('file.close')}</button></form>
    </dialog>
  )
}
