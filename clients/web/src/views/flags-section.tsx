import type { Conversation, ConversationFlags, Group } from '@evegram/sdk'
import { useConversations } from '@evegram/sdk/react'
import type { ReactElement } from 'react'
import { useTexts } from '../i18n/texts.js'
import { Failure, useAction } from '../ui/feedback.js'
import { Section } from '../ui/panel.js'

const FLAGS = ['pinned', 'muted', 'archived'] as const satisfies readonly (keyof ConversationFlags)[]

/** How the user keeps a conversation, on all own devices. */
export function FlagsSection({ conversation }: { readonly conversation: Pick<Conversation | Group, 'id' | 'setFlags'> }): ReactElement | null {
  const { t } = useTexts()
  const { busy, code, run } = useAction()
  const flags = useConversations().conversations.find(({ id }) => id === conversation.id)?.flags
  if (flags === undefined) return null
  return (
    <Section title={t('flags.title')}>
      {code === undefined ? null : <Failure code={code} />}
      {FLAGS.map((flag) => (
        <label key={flag} className="switch">
          <span><b>{t(`flags.${flag}`)}</b><span className="soft small">{t(`flags.${flag}.hint`)}</span></span>
          <input type="checkbox" role="switch" checked={flags[flag]} disabled={busy} onChange={({ target: { checked } }) => { run(() => conversation.setFlags({ [flag]: checked })) }} />
        </label>
      ))}
    </Section>
  )
}
