import { EvegramError, type AccountId, type ConversationId } from '@evegram/protocol'
import { createContext, createElement, useContext, useMemo, useSyncExternalStore, type ReactElement, type ReactNode } from 'react'
import type { Client, MessageRequest } from '../client.js'
import type { ClientState, TypingEvent } from '../events.js'
import { SETTING_DEFAULTS, type SettingValues } from '../setting-values.js'
import type { Presence } from '../core/contact-presence.js'
import { storesOf } from './client-stores.js'
import type { ConversationsView } from './conversation-list.js'
import type { MessagesView, MessageWindow } from './message-window.js'
import type { ReadState } from './reread.js'
import type { ShownUpload } from './upload-list.js'

const NO_NAMES: ReadonlyMap<AccountId, string> = new Map()

const ClientContext = createContext<Client | undefined>(undefined)

/** What {@link ClientProvider} gives to the components below it. */
export interface ClientProviderProps {
  /** Made and closed by the program, outside of components: hooks only listen to it. */
  readonly client: Client
  readonly children?: ReactNode
}

/** Gives a client to the hooks of all components below. */
export function ClientProvider({ client, children }: ClientProviderProps): ReactElement {
  return createElement(ClientContext.Provider, { value: client }, children)
}

/** The client of the nearest {@link ClientProvider}. Throws `invalid.argument` where there is none. */
export function useClient(): Client {
  const client = useContext(ClientContext)
  if (client === undefined) throw new EvegramError('invalid.argument', { operation: 'use client', advice: 'Put the component below a ClientProvider.' })
  return client
}

/** Where the connection stands. */
export function useConnection(): ClientState {
  const { state } = storesOf(useClient())
  return useSyncExternalStore(state.subscribe, state.getSnapshot)
}

/** All conversations, groups and channels of the profile: pinned ones first, then the one that was active last. */
export function useConversations(): ConversationsView {
  const { conversations } = storesOf(useClient())
  return useSyncExternalStore(conversations.subscribe, conversations.getSnapshot)
}

/** What {@link useMessages} returns: the messages in memory, and how to move. */
export interface Messages extends MessagesView {
  readonly loadOlder: MessageWindow['loadOlder']
  readonly loadNewer: MessageWindow['loadNewer']
  readonly showLatest: MessageWindow['showLatest']
}

/** Messages of a direct conversation or group: a bounded window that begins at the newest, and moves by pages. */
export function useMessages(id: ConversationId): Messages {
  const window = storesOf(useClient()).messages(id)
  const view = useSyncExternalStore(window.subscribe, window.getSnapshot)
  // The same functions as long as it is the same window: effects may depend on them.
  const moves = useMemo(() => ({ loadOlder: () => window.loadOlder(), loadNewer: () => window.loadNewer(), showLatest: () => window.showLatest() }), [window])
  return { ...view, ...moves }
}

/** Whether a contact is there, by address or account id: a hint, asked for while a component shows it. See `Client.presence`. */
export function usePresence(addressOrAccount: string): Presence | undefined {
  const presence = storesOf(useClient()).presence(addressOrAccount)
  return useSyncExternalStore(presence.subscribe, presence.getSnapshot)
}

/** Who types in a conversation at this moment: a hint of the server, and nothing may rest on it. */
export function useTyping(id: ConversationId): readonly TypingEvent[] {
  const typing = storesOf(useClient()).typing(id)
  return useSyncExternalStore(typing.subscribe, typing.getSnapshot)
}

/** What strangers began and waits for the user, the newest first. */
export function useRequests(): ReadState<readonly MessageRequest[]> {
  const { requests } = storesOf(useClient())
  return useSyncExternalStore(requests.subscribe, requests.getSnapshot)
}

/** The names that the user gave to people, by account: the same on all own devices. Empty until they were read. */
export function useContactNames(): ReadonlyMap<AccountId, string> {
  const { names } = storesOf(useClient())
  const now = useSyncExternalStore(names.subscribe, names.getSnapshot)
  return now.status === 'ready' ? now.value : NO_NAMES
}

/** Whom the user blocked, on any own device. */
export function useBlocked(): ReadState<readonly AccountId[]> {
  const { blocked } = storesOf(useClient())
  return useSyncExternalStore(blocked.subscribe, blocked.getSnapshot)
}

/** The settings of the account, the same on all own devices; their defaults until they were read. */
export function useSettings(): SettingValues {
  const { settings } = storesOf(useClient())
  const now = useSyncExternalStore(settings.subscribe, settings.getSnapshot)
  return now.status === 'ready' ? now.value : SETTING_DEFAULTS
}

/** All files on their way to the server, those of earlier runs included, and those that never will be sent until they are dismissed. */
export function useUploads(): readonly ShownUpload[] {
  const { uploads } = storesOf(useClient())
  return useSyncExternalStore(uploads.subscribe, uploads.getSnapshot)
}
