import type { MessageReference } from '@evegram/sdk'
import type { ReactElement } from 'react'
import { useTexts } from '../i18n/texts.js'
import { lineOf } from '../names.js'
import type { ChatActions } from './chat-actions.js'

/** What a message answers, in short; a press goes there, where it is in memory. */
export function Quote({ replyTo, actions }: { readonly replyTo: MessageReference; readonly actions: ChatActions | undefined }): ReactElement {
  const texts = useTexts()
  const { t } = texts
  const original = actions?.find(replyTo.messageId)
  const show = (): void => {
    const row = globalThis.document.querySelector(`[data-message="${replyTo.messageId}"]`)
    row?.scrollIntoView({ block: 'center' })
  }
  return (
    <button type="button" className="quote" onClick={show} aria-label={t('chat.jump')}>
      {original === undefined ? <span>{t('chat.original')}</span> : (
        <>
          <b>{original.direction === 'out' ? t('chat.you') : actions?.nameOf(original.fromAccount, original.from)}</b>
          <span dir="auto">{original.deleted === true ? t('chat.deleted') : lineOf(original, texts)}</span>
        </>
      )}
    </button>
  )
}
