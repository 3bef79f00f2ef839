import { LIMITS, utf8 } from '@evegram/protocol'
import { useEffect, useLayoutEffect, useRef, useState, type FormEvent, type KeyboardEvent, type ReactElement } from 'react'
import { codeOf } from '../i18n/error-text.js'
import { useTexts } from '../i18n/texts.js'
import { readPreferences } from '../preferences.js'
import { Failure } from '../ui/feedback.js'
import { Icon } from '../ui/icon.js'
import type { OpenConversation } from './chat-view.js'

/** Lines that the field grows to before it scrolls. */
const HEIGHT_PX_MAX = 180
/** Texts that are not sent yet, by conversation: they survive looking elsewhere. */
const drafts = new Map<string, string>()

/** Where people write: Enter sends, Shift and Enter begins a line. */
export function Composer({ conversation, onSent }: { readonly conversation: OpenConversation; readonly onSent: () => void }): ReactElement {
  const { t } = useTexts()
  const { id } = conversation
  const [text, setText] = useState(drafts.get(id) ?? '')
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

  const change = (next: string): void => {
    setText(next)
    if (next === '') drafts.delete(id)
    else drafts.set(id, next)
    if (readPreferences().tellsTyping) conversation.typing(next !== '')
  }
  const send = (): void => {
    const said = text.trim()
    if (said === '' || isTooLong) return
    setCode(undefined)
    change('')
    conversation.send(said).then(({ acked }) => {
      onSent()
      // What becomes of it is shown at the message.
      acked.catch(() => undefined)
    }, (failure: unknown) => {
      setCode(codeOf(failure))
      // Nothing that was written is lost, unless something else was written meanwhile.
      setText((current) => (current === '' ? said : current))
    })
  }
  const submit = (event: FormEvent): void => {
    event.preventDefault()
    send()
  }
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key !== 'Enter' || event.shiftKey || event.nativeEvent.isComposing) return
    event.preventDefault()
    send()
  }
  return (
    <div className="composer-place">
      {code === undefined ? null : <Failure code={code} />}
      {isTooLong ? <Failure code="too_large.payload" /> : null}
      <form className="composer" onSubmit={submit}>
        <label className="only-heard" htmlFor="composer-field">{t('chat.write')}</label>
        <textarea ref={field} id="composer-field" rows={1} value={text} placeholder={t('chat.write')} dir="auto" onChange={(event) => { change(event.target.value) }} onKeyDown={onKeyDown} />
        <button type="submit" className="send" disabled={text.trim() === '' || isTooLong} aria-label={t('chat.send')} title={t('chat.send')}><Icon name="send" /></button>
      </form>
    </div>
  )
}
