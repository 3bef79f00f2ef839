import type { ConversationSummary } from '@evegram/sdk/react'
import type { ReactElement } from 'react'
import { ChannelInfo } from './channel-info.js'
import { ContactInfo } from './contact-info.js'
import { GroupInfo } from './group-info.js'

/** More about a conversation: who is in it, and how that is known. */
export function InfoView({ conversation }: { readonly conversation: ConversationSummary }): ReactElement | null {
  switch (conversation.kind) {
    case 'direct': return conversation.peer === undefined ? null : <ContactInfo id={conversation.id} peer={conversation.peer} />
    case 'group': return <GroupInfo id={conversation.id} />
    case 'channel': return <ChannelInfo id={conversation.id} />
    default: return conversation.kind satisfies never
  }
}
