import { systemClock } from '@evegram/sdk'
import { useCallback, useEffect, useRef, useState } from 'react'
import type { OpenConversation } from './open-conversation.js'

/** How long the person pauses before what they wrote is kept. */
const PAUSE_MS = 700

/** The text of a field that is kept on all own devices. */
export interface Draft {
  readonly text: string
  /** Changes the text; it is kept at the next pause, unless `isKept` is false: what is edited is no draft. */
  readonly change: (text: string, isKept?: boolean) => void
}

/** The draft of a conversation: begins with `stored`, and follows it while nothing is being written here. What is not kept yet is when the field goes away. */
export function useDraft(conversation: Pick<OpenConversation, 'setDraft'>, stored: string): Draft {
  const [text, setText] = useState(stored)
  /** What the account has, or will have when a write that is under way is over. */
  const kept = useRef(stored)
  const pending = useRef<{ readonly text: string; readonly timer: ReturnType<typeof systemClock.after> }>(undefined)
  const keep = useCallback((next: string) => {
    if (kept.current === next) return
    kept.current = next
    // What cannot be kept is still in the field; a text that is too long is said to be where it stands.
    conversation.setDraft(next).catch(() => undefined)
  }, [conversation])
  useEffect(() => {
    if (stored === kept.current) return
    kept.current = stored
    // Another device wrote: its text is shown unless this one is being written.
    if (pending.current === undefined) setText(stored)
  }, [stored])
  useEffect(() => () => {
    const { current } = pending
    if (current === undefined) return
    current.timer.cancel()
    pending.current = undefined
    keep(current.text)
  }, [keep])
  const change = useCallback((next: string, isKept = true) => {
    setText(next)
    pending.current?.timer.cancel()
    pending.current = undefined
    if (!isKept) return
    const finish = (): void => {
      pending.current = undefined
      keep(next)
    }
    // Nothing is worth waiting for where everything was sent.
    if (next === '') finish()
    else pending.current = { text: next, timer: systemClock.after(PAUSE_MS, finish) }
  }, [keep])
  return { text, change }
}
