import { LIMITS, utf8 } from '@evegram/protocol'
import type { Message } from '@evegram/sdk'
import { useEffect, useLayoutEffect, useRef, useState, type FormEvent, type KeyboardEvent, type ReactElement } from 'react'
import { codeOf } from '../i18n/error-text.js'
import { useTexts } from '../i18n/texts.js'
import { Failure } from '../ui/feedback.js'
import { Icon } from '../ui/icon.js'
import { shortAddress } from '../ui/address.js'
import type { OpenConversation } from './chat-view.js'
import { useDraft } from './use-draft.js'

/** Lines that the field grows to before it scrolls. */
const HEIGHT_PX_MAX = 180

/** What is being written: something new, an answer, or an own message anew. */
export type Composing = { readonly kind: 'new' } | { readonly kind: 'reply' | 'edit'; readonly message: Message }

/** What a {@link Composer} needs. */
export interface ComposerProps {
  readonly conversation: OpenConversation
  /** What the account keeps as not sent yet. */
  readonly draft: string
  readonly composing: Composing
  readonly onCompose: (composing: Composing) => void
  /** The person wants to change what they said last. */
  readonly onEditLast: () => void
  readonly onSent: () => void
}

/** Where people write: Enter sends, Shift and Enter begins a line, Escape gives up an answer or edit, the up arrow in an empty field edits what was said last. */
export function Composer({ conversation, draft, composing, onCompose, onEditLast, onSent }: ComposerProps): ReactElement {
  const { t } = useTexts()
  const { text, change: changeDraft } = useDraft(conversation, draft)
  const [code, setCode] = useState<string>()
  const field = useRef<HTMLTextAreaElement>(null)
  const isTooLong = text.length > LIMITS.textBytesMax || utf8(text).length > LIMITS.textBytesMax

  useLayoutEffect(() => {
    const { current } = field
    if (current === null) return
    current.style.height = 'auto'
    current.style.height = `${String(Math.min(current.scrollHeight, HEIGHT_PX_MAX))}px`
  }, [text])
  useEffect(() => {
    // On phones the keyboard would cover half of what was said.
    if (globalThis.matchMedia('(hover: hover)').matches) field.current?.focus()
    return () => { conversation.typing(false) }
  }, [conversation])

  useEffect(() => {
    if (composing.kind === 'new') return
    if (composing.kind === 'edit') changeDraft(composing.message.text, false)
    field.current?.focus()
  }, [composing, changeDraft])

  const change = (next: string): void => {
    // What an own message is changed to is no draft.
    changeDraft(next, composing.kind !== 'edit')
    conversation.typing(next !== '')
  }
  const send = (): void => {
    const said = text.trim()
    if (said === '' || isTooLong) return
    setCode(undefined)
    // Under an edit lies what was being written before.
    if (composing.kind === 'edit') changeDraft(draft, false)
    else changeDraft('')
    conversation.typing(false)
    onCompose({ kind: 'new' })
    const sent = composing.kind === 'edit' ? conversation.edit(composing.message.messageId, said)
      : conversation.send(said, composing.kind === 'reply' ? { replyTo: composing.message.messageId } : {})
    sent.then(({ acked }) => {
      onSent()
      // What becomes of it is shown at the message.
      acked.catch(() => undefined)
    }, (failure: unknown) => {
      setCode(codeOf(failure))
      // Nothing that was written is lost, unless something else was written meanwhile.
      if (field.current?.value === '') changeDraft(said)
    })
  }
  const submit = (event: FormEvent): void => {
    event.preventDefault()
    send()
  }
  const giveUp = (): void => {
    if (composing.kind === 'edit') changeDraft(draft, false)
    onCompose({ kind: 'new' })
  }
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key === 'Escape' && composing.kind !== 'new') giveUp()
    if (event.key === 'ArrowUp' && text === '' && composing.kind === 'new') {
      event.preventDefault()
      onEditLast()
    }
    if (event.key !== 'Enter' || event.shiftKey || event.nativeEvent.isComposing) return
    event.preventDefault()
    send()
  }
  return (
    <div className="composer-place">
      {code === undefined ? null : <Failure code={code} />}
      {isTooLong ? <Failure code="too_large.payload" /> : null}
      {composing.kind === 'new' ? null : (
        <div className="composing">
          <Icon name={composing.kind} />
          <p><b>{composing.kind === 'edit' ? t('chat.editing') : t('chat.replying', { name: composing.message.direction === 'out' ? t('chat.you') : shortAddress(composing.message.from) })}</b><span dir="auto">{composing.message.text}</span></p>
          <button type="button" className="icon-button" onClick={giveUp} aria-label={t('chat.stop')}><Icon name="close" /></button>
        </div>
      )}
      <form className="composer" onSubmit={submit}>
        <label className="only-heard" htmlFor="composer-field">{t('chat.write')}</label>
        <textarea ref={field} id="composer-field" rows={1} value={text} placeholder={t('chat.write')} dir="auto" onChange={(event) => { change(event.target.value) }} onKeyDown={onKeyDown} />
        <button type="submit" className="send" disabled={text.trim() === '' || isTooLong} aria-label={t('chat.send')} title={t('chat.send')}><Icon name="send" /></button>
      </form>
    </div>
  )
}
