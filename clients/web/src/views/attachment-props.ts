import type { FileRef } from '@evegram/protocol'
import type { Message } from '@evegram/sdk'

/** What a view of one file needs. */
export interface AttachmentProps {
  readonly message: Message
  /** Its place among the files of the message. */
  readonly index: number
  readonly file: FileRef
}
