import { LIMITS, utf8 } from '@evegram/protocol'
import { useClient, useContactNames } from '@evegram/sdk/react'
import { useEffect, useLayoutEffect, useRef, useState, type ClipboardEvent, type FormEvent, type KeyboardEvent, type ReactElement, type RefObject } from 'react'
import { sendFiles, type Outgoing } from '../files/outgoing.js'
import { codeOf } from '../i18n/error-text.js'
import { useTexts } from '../i18n/texts.js'
import { lineOf } from '../names.js'
import { Failure } from '../ui/feedback.js'
import { Icon } from '../ui/icon.js'
import { shortAddress } from '../ui/address.js'
import { Progress } from '../ui/progress.js'
import { AttachButton, ChosenFiles, useAttaching, useDrop } from './attach.js'
import type { OpenConversation } from './open-conversation.js'
import { useDraft } from './use-draft.js'
import type { Composing } from './composing.js'

/** Lines that the field grows to before it scrolls. */
const HEIGHT_PX_MAX = 180

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
  /** Where files can be dropped. */
  readonly dropPlace: RefObject<HTMLElement | null>
  /** The person wants to send or ask for money; absent where there is nobody to pay. */
  readonly onMoney?: (() => void) | undefined
}

/** Where people write: Enter sends, Shift and Enter begins a line, Escape gives up an answer or edit, the up arrow in an empty field edits what was said last. */
export function Composer({ conversation, draft, composing, onCompose, onEditLast, onSent, dropPlace, onMoney }: ComposerProps): ReactElement {
  const texts = useTexts()
  const { t } = texts
  const { text, change: changeDraft } = useDraft(conversation, draft)
  const [code, setCode] = useState<string>()
  const client = useClient()
  const names = useContactNames()
  const field = useRef<HTMLTextAreaElement>(null)
  const attaching = useAttaching()
  const [sealing, setSealing] = useState<{ readonly part: number; readonly abort: AbortController }>()
  const mayAttach = composing.kind !== 'edit' && sealing === undefined
  const isOver = useDrop(dropPlace, mayAttach ? attaching.add : undefined)
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

  const before = useRef(draft)
  useEffect(() => { before.current = draft }, [draft])
  useEffect(() => {
    // The text of a message that is gone goes too, and what was being written before is there again.
    if (composing.kind === 'new' && composing.gaveUp === 'edit') changeDraft(before.current, false)
    if (composing.kind === 'new') return
    if (composing.kind === 'edit') changeDraft(composing.message.text, false)
    field.current?.focus()
  }, [composing, changeDraft])

  const change = (next: string): void => {
    // What an own message is changed to is no draft.
    changeDraft(next, composing.kind !== 'edit')
    conversation.typing(next !== '')
  }
  const sendWithFiles = (outgoing: Outgoing): void => {
    const abort = new AbortController()
    setSealing({ part: 0, abort })
    sendFiles(client, outgoing, { signal: abort.signal, onSealed: (part) => { setSealing((now) => (now?.abort === abort ? { part, abort } : now)) } }).then(() => {
      attaching.clear()
      onSent()
    }, (failure: unknown) => {
      // What was chosen stays, and so does what was written to it.
      if (field.current?.value === '') changeDraft(outgoing.text)
      if (!abort.signal.aborted) setCode(codeOf(failure))
    }).finally(() => { setSealing(undefined) })
  }
  const send = (): void => {
    const said = text.trim()
    if (isTooLong || sealing !== undefined || (said === '' && attaching.files.length === 0)) return
    if (attaching.files.length > 0 && composing.kind !== 'edit') {
      setCode(undefined)
      changeDraft('')
      onCompose({ kind: 'new' })
      sendWithFiles({ conversation, files: attaching.files, text: said, unchanged: attaching.unchanged, ...(composing.kind === 'reply' ? { replyTo: composing.message.messageId } : {}) })
      return
    }
    if (said === '') return
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
    // The button that was pressed can do nothing now; and on phones the keyboard would go.
    field.current?.focus()
  }
  const giveUp = (): void => {
    if (composing.kind === 'edit') changeDraft(draft, false)
    onCompose({ kind: 'new' })
    field.current?.focus()
  }
  const onPaste = (event: ClipboardEvent): void => {
    const { files, types } = event.clipboardData
    // Office programs put a picture of a text beside the text: the text is meant.
    const isText = types.includes('text/plain') && (types.includes('text/html') || types.includes('text/rtf'))
    if (!mayAttach || isText || files.length === 0) return
    event.preventDefault()
    attaching.add([...files])
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
          <p><b>{composing.kind === 'edit' ? t('chat.editing') : t('chat.replying', { name: composing.message.direction === 'out' ? t('chat.you') : names.get(composing.message.fromAccount) ?? shortAddress(composing.message.from) })}</b><span dir="auto">{lineOf(composing.message, texts)}</span></p>
          <button type="button" className="icon-button" onClick={giveUp} aria-label={t('chat.stop')}><Icon name="close" /></button>
        </div>
      )}
      {isOver ? <p className="drop-note" role="status"><Icon name="clip" />{t('file.drop')}</p> : null}
      {sealing === undefined ? <ChosenFiles attaching={attaching} /> : (
        <div className="upload">
          <Icon name="lock" />
          <span className="file-facts"><span className="small" role="status">{t('file.sealing')}</span><Progress label={t('file.sealing')} part={sealing.part} /></span>
          <button type="button" className="icon-button" aria-label={t('dialog.cancel')} onClick={() => { sealing.abort.abort() }}><Icon name="close" /></button>
        </div>
      )}
      <form className="composer" onSubmit={submit}>
        {composing.kind === 'edit' ? null : <AttachButton attaching={attaching} />}
        {composing.kind === 'edit' || onMoney === undefined ? null : <button type="button" className="icon-button attach" aria-label={t('pay.open')} title={t('pay.open')} onClick={onMoney}><Icon name="wallet" /></button>}
        <label className="only-heard" htmlFor="composer-field">{t('chat.write')}</label>
        <textarea ref={field} id="composer-field" rows={1} value={text} placeholder={t('chat.write')} dir="auto" onChange={(event) => { change(event.target.value) }} onKeyDown={onKeyDown} onPaste={onPaste} />
        <button type="submit" className="send" disabled={(text.trim() === '' && (attaching.files.length === 0 || composing.kind === 'edit')) || isTooLong || sealing !== undefined} aria-label={t('chat.send')} title={t('chat.send')}><Icon name="send" /></button>
      </form>
    </div>
  )
}
