import type { Message } from '@evegram/sdk'
import { memo, type ReactElement } from 'react'
import { useTexts } from '../i18n/texts.js'
import { lettersOf, shortAddress } from '../ui/address.js'
import { Avatar } from '../ui/avatar.js'
import { Icon } from '../ui/icon.js'
import { RichText } from '../ui/rich-text.js'
import { Attachments } from './attachments.js'
import { useChatActions, type ChatActions } from './chat-actions.js'
import { DeliveryState } from './delivery-state.js'
import { MessageActions, Reactions } from './message-actions.js'
import { PayBubble } from './pay-bubble.js'
import { Quote } from './quote.js'

/** What a message shows. */
export interface MessageRowProps {
  readonly message: Message
  /** Who said it is shown, as groups need it. */
  readonly showsName: boolean
  /** Nothing of the same person stands right before it. */
  readonly isFirst: boolean
  /** Its sender waits for consent: nothing is fetched for it before the person asks. */
  readonly isStranger?: boolean
}

/** A message. */
export const MessageRow = memo(function MessageRow({ message, showsName, isFirst, isStranger = false }: MessageRowProps): ReactElement {
  const { t, time } = useTexts()
  const actions = useChatActions()
  const { direction, fromAccount, from, sentAtMs, state, editedAtMs, deleted } = message
  const namesSender = showsName && direction === 'in' && isFirst
  return (
    <article className={`message is-${direction}${isFirst ? ' is-first' : ''}`}>
      {showsName && direction === 'in' ? <span className="message-face">{isFirst ? <Avatar id={fromAccount} label={lettersOf(from)} /> : null}</span> : null}
      <div className="said">
        <div className={`bubble${state === 'failed' ? ' is-failed' : ''}`}>
          {namesSender ? <p className="sender" title={from}>{actions?.nameOf(fromAccount, from) ?? shortAddress(from)}</p> : null}
          {message.replyTo === undefined ? null : <Quote replyTo={message.replyTo} actions={actions} />}
          <Content message={message} isStranger={isStranger} />
          <span className="meta">
            {message.expiresIn === undefined ? null : <span title={t('timer.mark')}><Icon name="clock" /><span className="only-heard">{t('timer.mark')}</span></span>}
            {editedAtMs === undefined ? null : <span>{t('chat.edited')}</span>}
            <time dateTime={new Date(sentAtMs).toISOString()}>{time(sentAtMs)}</time>
            <DeliveryState message={message} />
          </span>
        </div>
        <Reactions message={message} actions={actions} />
      </div>
      {canAct(message, actions) && deleted !== true ? <MessageActions message={message} actions={actions} /> : null}
    </article>
  )
})

/** What is not known to others yet, or says nothing that could be read, has nothing to be done with. */
function canAct(message: Message, actions: ChatActions | undefined): actions is ChatActions {
  return actions?.maySpeak === true && message.state !== 'failed' && !message.kind.startsWith('unknown:')
}

function Content({ message, isStranger }: { readonly message: Message; readonly isStranger: boolean }): ReactElement {
  const { t } = useTexts()
  const { kind, text, payment, request } = message
  if (message.deleted === true) return <p className="soft text">{t('chat.deleted')}</p>
  if (kind.startsWith('unknown:')) return <p className="soft">{t('chat.unsupported')}</p>
  if (payment !== undefined || request !== undefined) return <PayBubble message={message} />
  if (text === '' && message.files === undefined) return <p className="soft">{t('chat.removed')}</p>
  return (
    <>
      {message.files === undefined ? null : <Attachments message={message} isStranger={isStranger} />}
      {text === '' ? null : <p className="text" dir="auto"><RichText text={text} /></p>}
    </>
  )
}
