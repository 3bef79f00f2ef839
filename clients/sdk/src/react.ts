export {
  ClientProvider, useBlocked, useClient, useConnection, useContactNames, useConversations, useMessages, usePresence, useRequests, useSettings, useTyping, useUploads, type ClientProviderProps, type Messages,
} from './react/hooks.js'
export { storesOf, type ClientStores } from './react/client-stores.js'
export type { ConversationList, ConversationsView } from './react/conversation-list.js'
export type { ConversationSummary } from './react/conversation-summary.js'
export type { ReadState, Reread } from './react/reread.js'
export type { MessagesView, MessageWindow } from './react/message-window.js'
export type { Readable } from './react/observable.js'
export type { ShownUpload, UploadList } from './react/upload-list.js'
