import type { Message } from '@evegram/sdk'
import { useEffect, useRef, useState, type ReactElement } from 'react'
import { useTexts } from '../i18n/texts.js'
import { Icon } from '../ui/icon.js'
import type { ChatActions } from './chat-actions.js'

/** Emoji that are one touch away. */
const QUICK = ['👍', '❤️', '😂', '😮', '😢', '🙏'] as const

/** The button beside a message, and what it opens: reactions, reply, and for own messages edit and delete. */
export function MessageActions({ message, actions }: { readonly message: Message; readonly actions: ChatActions }): ReactElement {
  const { t } = useTexts()
  const [isOpen, setIsOpen] = useState(false)
  const place = useRef<HTMLDivElement>(null)
  const opener = useRef<HTMLButtonElement>(null)
  useEffect(() => {
    if (!isOpen) return undefined
    place.current?.querySelector<HTMLElement>('.actions-menu button')?.focus()
    const onPress = (event: PointerEvent): void => {
      if (event.target instanceof Node && place.current?.contains(event.target) !== true) setIsOpen(false)
    }
    globalThis.document.addEventListener('pointerdown', onPress)
    return () => { globalThis.document.removeEventListener('pointerdown', onPress) }
  }, [isOpen])
  const close = (): void => {
    setIsOpen(false)
    opener.current?.focus()
  }
  const perform = (action: (message: Message) => void): void => {
    // A dialog that the action opens gives the focus back to it; a field that it leads to takes it.
    close()
    action(message)
  }
  const isOwn = message.direction === 'out'
  return (
    <div ref={place} className="message-actions" onKeyDown={(event) => {
      if (event.key !== 'Escape' || !isOpen) return
      event.stopPropagation()
      close()
    }}>
      <button ref={opener} type="button" className="actions-opener" data-message-button tabIndex={-1} aria-expanded={isOpen} aria-label={t('chat.actions')} title={t('chat.actions')} onClick={() => { setIsOpen(!isOpen) }}><Icon name="smile" /></button>
      {isOpen ? (
        <div className="actions-menu" role="group" aria-label={t('chat.actions')}>
          <div className="quick">
            {QUICK.map((emoji) => <button key={emoji} type="button" aria-label={t('chat.react', { emoji })} onClick={() => { perform((one) => { actions.react(one, emoji) }) }}>{emoji}</button>)}
          </div>
          <button type="button" onClick={() => { perform(actions.reply) }}><Icon name="reply" />{t('chat.reply')}</button>
          {(message.kind === 'text' && message.text !== '') || message.files !== undefined ? <button type="button" onClick={() => { perform(actions.forward) }}><Icon name="forward" />{t('chat.forward')}</button> : null}
          {isOwn && message.receipts !== undefined ? <button type="button" onClick={() => { perform(actions.showReceipts) }}><Icon name="eye" />{t('receipts.title')}</button> : null}
          {isOwn && (message.kind === 'text' || message.kind === 'files') ? <button type="button" onClick={() => { perform(actions.edit) }}><Icon name="edit" />{t('chat.edit')}</button> : null}
          {isOwn || actions.mayDeleteAny ? <button type="button" className="danger" onClick={() => { perform(actions.remove); place.current?.closest<HTMLElement>('.messages')?.focus() }}><Icon name="trash" />{t('chat.delete')}</button> : null}
        </div>
      ) : null}
    </div>
  )
}

/** The emoji under a message; the own one can be taken back. */
export function Reactions({ message, actions }: { readonly message: Message; readonly actions: ChatActions | undefined }): ReactElement | null {
  const { t } = useTexts()
  if (message.reactions === undefined || message.reactions.length === 0) return null
  return (
    <ul className="reactions">
      {message.reactions.map(({ emoji, by }) => {
        const isMine = by.some((account) => account === actions?.me)
        return (
          <li key={emoji}>
            <button type="button" aria-pressed={isMine} disabled={actions?.maySpeak !== true} aria-label={t('chat.reacted', { emoji, count: by.length })} onClick={() => { actions?.react(message, isMine ? '' : emoji) }}>
              {emoji}{by.length > 1 ? <span>{by.length}</span> : null}
            </button>
          </li>
        )
      })}
    </ul>
  )
}
