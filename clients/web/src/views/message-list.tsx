import type { ConversationGap, Message } from '@evegram/sdk'
import type { Messages } from '@evegram/sdk/react'
import { useEffect, useLayoutEffect, useMemo, useRef, useState, type KeyboardEvent, type ReactElement } from 'react'
import { startOfDay, useTexts } from '../i18n/texts.js'
import { now } from '../now.js'
import { Icon } from '../ui/icon.js'
import { BeforeDevice, GapLine } from './gap-line.js'
import { MessageRow } from './message-row.js'
import { placeGaps, type GapLine as Line } from './place-gaps.js'

/** This close to an end the next page is read. */
const NEAR_END_PX = 1_600
/** This close to the bottom the list follows new messages. */
const AT_BOTTOM_PX = 80
/** Messages of one person that follow each other within this time hang together. */
const TOGETHER_MS = 300_000

const NO_GAPS: readonly ConversationGap[] = []

/** A place on the screen that stays while messages come and go above it. */
interface Anchor {
  readonly id: string
  readonly top: number
}

/** The messages in memory, which come and go while people scroll: what is looked at does not move. */
export function MessageList({ messages: window, gaps = NO_GAPS, nameOf, showsNames, unread = 0, onEnd }: {
  readonly messages: Messages
  /** What is missing among them. */
  readonly gaps?: readonly ConversationGap[]
  /** What the person behind an account is called, to say whose messages are missing. */
  readonly nameOf?: (account: string) => string
  readonly showsNames: boolean
  /** Messages that were not read, to say so where they are out of sight. */
  readonly unread?: number
  /** Told whether the newest message is in sight. */
  readonly onEnd?: (isAtEnd: boolean) => void
}): ReactElement {
  const { t, day } = useTexts()
  const { messages, hasOlder, hasNewer, loadOlder } = window
  const box = useRef<HTMLDivElement>(null)
  const anchor = useRef<Anchor>(undefined)
  const follows = useRef(true)
  const [isAway, setIsAway] = useState(false)

  useLayoutEffect(() => {
    const { current } = box
    if (current === null) return
    if (follows.current && !hasNewer) current.scrollTop = current.scrollHeight
    else keepPlace(current, anchor.current)
    anchor.current = anchorOf(current)
    // A page of few messages may not fill a tall screen, which then has nothing to scroll.
    if (current.scrollHeight <= current.clientHeight && hasOlder && !hasNewer) void loadOlder()
  }, [messages, hasNewer, hasOlder, loadOlder])
  useLayoutEffect(() => {
    const { current } = box
    if (current === null) return undefined
    // The keyboard of a phone, or a line more in the field, must not hide what was said last.
    const watcher = new ResizeObserver(() => {
      if (follows.current) current.scrollTop = current.scrollHeight
    })
    watcher.observe(current)
    // Nor may what grows in the last message: the button of a request that may be paid comes a moment after it.
    const list = current.querySelector('ol')
    if (list !== null) watcher.observe(list)
    return () => { watcher.disconnect() }
  }, [])

  useEffect(() => { onEnd?.(!isAway) }, [isAway, onEnd])

  const onScroll = (): void => {
    const { current } = box
    if (current === null) return
    const below = current.scrollHeight - current.scrollTop - current.clientHeight
    follows.current = below < AT_BOTTOM_PX && !hasNewer
    anchor.current = anchorOf(current)
    setIsAway(!follows.current)
    if (current.scrollTop < NEAR_END_PX && hasOlder) void window.loadOlder()
    if (below < NEAR_END_PX && hasNewer) void window.loadNewer()
  }
  const showLatest = (): void => {
    follows.current = true
    setIsAway(false)
    void window.showLatest().then(() => {
      const { current } = box
      if (current !== null) current.scrollTop = current.scrollHeight
    })
  }
  const placed = useMemo(() => placeGaps({ messages, hasOlder, hasNewer }, gaps), [messages, hasOlder, hasNewer, gaps])
  const linesOf = (lines: readonly Line[] | undefined): readonly ReactElement[] | undefined => lines?.map((line) => <GapLine key={`${line.reason} ${line.account ?? ''}`} line={line} name={nameOf?.(line.account ?? '') ?? ''} />)
  const nowMs = now()
  return (
    <div className="messages-place">
      {/* Reachable by Tab, so that keys scroll it. */}
      <div ref={box} className="messages" onScroll={onScroll} tabIndex={0} role="region" aria-label={t('chat.messages')} onKeyDown={(event) => { rove(event, box.current) }}>
        {hasOlder ? null : placed.beforeDevice ? <BeforeDevice /> : <p className="beginning">{t('chat.start')}</p>}
        {linesOf(placed.first)}
        <ol>
          {messages.map((message, at) => {
            const before = messages[at - 1]
            const isNewDay = before === undefined || startOfDay(before.sentAtMs) !== startOfDay(message.sentAtMs)
            return (
              <li key={message.messageId} data-message={message.messageId}>
                {linesOf(placed.above.get(message.messageId))}
                {isNewDay ? <p className="day"><span>{day(message.sentAtMs, nowMs)}</span></p> : null}
                <MessageRow message={message} showsName={showsNames} isFirst={isNewDay || placed.above.has(message.messageId) || !hangTogether(before, message)} />
              </li>
            )
          })}
        </ol>
        {linesOf(placed.last)}
      </div>
      {isAway ? <button type="button" className="to-latest" onClick={showLatest} aria-label={t('chat.latest')} title={t('chat.latest')}><Icon name="down" />{unread === 0 ? null : <span className="badge"><span aria-hidden="true">{unread > 99 ? '99+' : unread}</span><span className="only-heard">{t('chats.unread', { count: unread })}</span></span>}</button> : null}
    </div>
  )
}

/** Arrows go from message to message, from the last one on; what can be done with it is on its button. */
function rove(event: KeyboardEvent, box: HTMLElement | null): void {
  if (event.key !== 'ArrowUp' && event.key !== 'ArrowDown') return
  const buttons = [...(box?.querySelectorAll<HTMLElement>('[data-message-button]') ?? [])]
  const at = buttons.findIndex((button) => button === globalThis.document.activeElement)
  const to = at === -1 ? buttons.length - 1 : at + (event.key === 'ArrowDown' ? 1 : -1)
  const next = buttons[Math.max(0, Math.min(buttons.length - 1, to))]
  if (next === undefined || (at === -1 && event.target !== box)) return
  event.preventDefault()
  next.focus()
}

function hangTogether(before: Message, message: Message): boolean {
  return before.fromAccount === message.fromAccount && message.sentAtMs - before.sentAtMs < TOGETHER_MS
}

/** The first message that is seen, and how far it is from the top of what is seen. */
function anchorOf(box: HTMLElement): Anchor | undefined {
  const rows = box.querySelectorAll<HTMLElement>('[data-message]')
  let [low, high] = [0, rows.length - 1]
  // Rows lie one below the other: the first whose end is in sight is found by halving.
  while (low < high) {
    const middle = (low + high) >> 1
    const row = rows[middle]
    if (row !== undefined && row.offsetTop + row.offsetHeight > box.scrollTop) high = middle
    else low = middle + 1
  }
  const row = rows[low]
  return row === undefined ? undefined : { id: row.dataset['message'] ?? '', top: row.offsetTop - box.scrollTop }
}

function keepPlace(box: HTMLElement, anchor: Anchor | undefined): void {
  if (anchor === undefined) return
  const row = [...box.querySelectorAll<HTMLElement>('[data-message]')].find(({ dataset }) => dataset['message'] === anchor.id)
  if (row !== undefined) box.scrollTop = row.offsetTop - anchor.top
}
