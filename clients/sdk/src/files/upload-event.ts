import type { ConversationId, EvegramError } from '@evegram/protocol'
import type { TransferProgress } from './download.js'

/** What is told of an upload. */
export interface UploadEvent {
  readonly upload: string
  readonly conversation: ConversationId
  readonly state: 'sending' | 'sent' | 'failed'
  readonly progress: TransferProgress
  /** Of `failed`. */
  readonly error?: EvegramError
}
