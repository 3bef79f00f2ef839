import type { Message } from '@evegram/sdk'
import { createContext, useContext, type ReactElement, type ReactNode } from 'react'

/** What can be done with a message of the conversation that is open. */
export interface ChatActions {
  /** The own account. */
  readonly me: string
  /** False where this account only reads. */
  readonly maySpeak: boolean
  /** Whether the messages of others may be deleted for everybody. */
  readonly mayDeleteAny: boolean
  readonly reply: (message: Message) => void
  readonly edit: (message: Message) => void
  /** Shows an emoji under a message, or takes the own one back. */
  readonly react: (message: Message, emoji: string) => void
  /** Asks where to, and says it there again. */
  readonly forward: (message: Message) => void
  /** Shows who received and read an own message. */
  readonly showReceipts: (message: Message) => void
  readonly remove: (message: Message) => void
  /** What somebody is called: as the user named them, else by their address. */
  readonly nameOf: (account: string, address: string) => string
  /** A message that is in memory. */
  readonly find: (messageId: string) => Message | undefined
}

const ActionsContext = createContext<ChatActions | undefined>(undefined)

/** Gives the actions to the messages below. */
export function ChatActionsProvider({ actions, children }: { readonly actions: ChatActions; readonly children: ReactNode }): ReactElement {
  return <ActionsContext.Provider value={actions}>{children}</ActionsContext.Provider>
}

/** What can be done with messages here; undefined where they are only looked at. */
export function useChatActions(): ChatActions | undefined {
  return useContext(ActionsContext)
}
