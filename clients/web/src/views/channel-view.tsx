import type { Channel, ChannelPostShown } from '@evegram/sdk'
import { storesOf, useClient, type ConversationSummary } from '@evegram/sdk/react'
import { useEffect, useLayoutEffect, useRef, useState, type FormEvent, type ReactElement } from 'react'
import { codeOf } from '../i18n/error-text.js'
import { useTexts } from '../i18n/texts.js'
import { Empty, Failure, Loading, useAction } from '../ui/feedback.js'
import { shortAddress } from '../ui/address.js'
import { Icon } from '../ui/icon.js'
import { RichText } from '../ui/rich-text.js'
import { ChatBar } from './chat-view.js'

/** Posts that are shown, the newest. */
const POSTS_SHOWN = 200

type Posts = { readonly status: 'loading' } | { readonly status: 'failed'; readonly code: string } | { readonly status: 'ready'; readonly channel: Channel; readonly posts: readonly ChannelPostShown[]; readonly missing: number; readonly mayPost: boolean }

/** A channel: its posts, and for authors the place to write one. */
export function ChannelView({ conversation }: { readonly conversation: ConversationSummary }): ReactElement {
  const { t, time, date } = useTexts()
  const client = useClient()
  const now = usePosts(conversation.id)
  const box = useRef<HTMLDivElement>(null)
  useEffect(() => storesOf(client).conversations.watch(conversation.id), [client, conversation.id])
  useLayoutEffect(() => {
    if (box.current !== null) box.current.scrollTop = box.current.scrollHeight
  }, [now])
  return (
    <section className="chat" aria-labelledby="chat-title">
      <ChatBar conversation={conversation} note={t('chats.channel')} />
      {now.status === 'failed' ? <Failure code={now.code} /> : null}
      {now.status === 'loading' ? <Loading rows={6} /> : null}
      {now.status === 'ready' ? (
        <div ref={box} className="messages posts" tabIndex={0} role="region" aria-label={t('chat.messages')}>
          {now.missing > 0 ? <p className="gap"><Icon name="warn" />{t('channel.gap', { count: now.missing })}</p> : null}
          {now.posts.length === 0 ? <Empty icon="channel" title={t('channel.empty')} /> : null}
          <ol>
            {now.posts.map((post) => (
              <li key={post.seq}>
                <article className="post">
                  <header><b>{shortAddress(post.from)}</b><time className="soft small" dateTime={new Date(post.atMs).toISOString()}>{date(post.atMs)} {time(post.atMs)}</time></header>
                  <p className="text" dir="auto">{post.kind === 'text' ? <RichText text={post.text} /> : t('chat.unsupported')}</p>
                </article>
              </li>
            ))}
          </ol>
        </div>
      ) : null}
      {now.status === 'ready' ? now.mayPost ? <PostComposer channel={now.channel} /> : <p className="closed-note">{t('channel.readonly')}</p> : null}
    </section>
  )
}

function usePosts(id: string): Posts {
  const client = useClient()
  const [posts, setPosts] = useState<Posts>({ status: 'loading' })
  useEffect(() => {
    let isCurrent = true
    const read = async (): Promise<void> => {
      const channel = await client.channel(id)
      if (channel === undefined) return
      const [shown, gaps, role] = [await channel.posts({ limit: POSTS_SHOWN }), await channel.gaps(), await channel.role()]
      const missing = gaps.reduce((sum, { from, to }) => sum + to - from + 1, 0)
      if (isCurrent) setPosts({ status: 'ready', channel, posts: shown.filter(({ kind, text }) => kind !== 'text' || text !== ''), missing, mayPost: role !== undefined })
    }
    const again = (): void => { read().catch((failure: unknown) => { if (isCurrent) setPosts({ status: 'failed', code: codeOf(failure) }) }) }
    again()
    const stops = [
      client.on('channel-post', ({ channel }) => { if (channel === id) again() }),
      client.on('channel-gap', ({ channel }) => { if (channel === id) again() }),
      client.on('channel-changed', ({ channel }) => { if (channel === id) again() }),
    ]
    return () => {
      isCurrent = false
      for (const stop of stops) stop()
    }
  }, [client, id])
  return posts
}

function PostComposer({ channel }: { readonly channel: Channel }): ReactElement {
  const { t } = useTexts()
  const [text, setText] = useState('')
  const { busy, code, run } = useAction()
  const submit = (event: FormEvent): void => {
    event.preventDefault()
    if (text.trim() === '') return
    run(async () => {
      await channel.post(text.trim())
      setText('')
    })
  }
  return (
    <div className="composer-place">
      {code === undefined ? null : <Failure code={code} />}
      {busy ? <p className="typing" role="status">{t('channel.posting')}</p> : null}
      <form className="composer" onSubmit={submit}>
        <label className="only-heard" htmlFor="post-field">{t('channel.post')}</label>
        <textarea id="post-field" rows={2} value={text} placeholder={t('channel.post')} dir="auto" onChange={(event) => { setText(event.target.value) }} />
        <button type="submit" className="send" disabled={busy || text.trim() === ''} aria-label={t('chat.send')}><Icon name="send" /></button>
      </form>
    </div>
  )
}
