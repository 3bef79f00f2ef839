import { EvegramError } from '@evegram/protocol'
import type { Message } from '@evegram/sdk'
import { useClient, useConversations, type ConversationSummary } from '@evegram/sdk/react'
import type { ReactElement } from 'react'
import { useTexts } from '../i18n/texts.js'
import { nameOf, pictureOf } from '../names.js'
import { goTo } from '../route.js'
import { Avatar } from '../ui/avatar.js'
import { Failure, useAction } from '../ui/feedback.js'
import { useModal } from '../ui/use-modal.js'
import { openById } from './open-conversation.js'

/** Asks where a message is said again: its text, and its files without sending them anew. Escape says nowhere. */
export function ForwardDialog({ message, onClose }: { readonly message: Message; readonly onClose: () => void }): ReactElement {
  const texts = useTexts()
  const { t } = texts
  const client = useClient()
  const dialog = useModal(onClose)
  const { busy, code, run } = useAction()
  const places = useConversations().conversations.filter(({ id, kind }) => kind !== 'channel' && id !== message.conversation)
  const forwardTo = (place: ConversationSummary): void => {
    run(async () => {
      const opened = await openById(client, place)
      if (opened?.isMember !== true) throw new EvegramError('denied.not_member', { operation: 'forward' })
      const { files, text } = message
      const sent = files === undefined ? await opened.conversation.send(text) : await opened.conversation.forwardFiles(files, { text })
      // What becomes of it is shown where it was said.
      sent.acked.catch(() => undefined)
      onClose()
      goTo({ view: 'conversation', id: place.id })
    })
  }
  return (
    <dialog {...dialog} className="dialog forward" aria-labelledby="forward-title">
      <h2 id="forward-title">{t('forward.title')}</h2>
      {code === undefined ? null : <Failure code={code} />}
      {places.length === 0 ? <p>{t('forward.none')}</p> : (
        <ul className="people">
          {places.map((place) => (
            <li key={place.id}><button type="button" className="forward-place" disabled={busy} onClick={() => { forwardTo(place) }}><Avatar {...pictureOf(place)} /><span className="person-name" dir="auto">{nameOf(place, texts, client.address)}</span></button></li>
          ))}
        </ul>
      )}
      <form method="dialog" className="actions"><button type="submit" className="button">{t('dialog.cancel')}</button></form>
    </dialog>
  )
}
