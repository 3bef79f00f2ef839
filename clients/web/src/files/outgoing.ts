import type { Client, Conversation, FileSource } from '@evegram/sdk'
import { storesOf } from '@evegram/sdk/react'
import { sourceOf, withinPreviews } from './source-of.js'
import { withoutDetails } from './without-details.js'

/** What is sent with files. */
export interface Outgoing {
  readonly conversation: Pick<Conversation, 'id' | 'sendFiles'>
  readonly files: readonly File[]
  readonly text: string
  /** Photos and films go with what they say of where, when and by what they were made. */
  readonly unchanged: boolean
  readonly replyTo?: string
}

/** Choices of {@link sendFiles}. */
export interface SendingOptions {
  /** Ends it while the files are read; later `cancelUpload` does. */
  readonly signal: AbortSignal
  /** Told from 0 to 1 while the files are read and sealed. */
  readonly onSealed: (part: number) => void
}

/** Uploads whose files are kept for another try; those of a page that was loaded again are gone. */
const KEPT_MAX = 64
const kept = new Map<string, Outgoing>()

/** Seals files and puts them on their way; resolves when the page is not needed for it any more, offline too. Rejects as `sendFiles` of the SDK and {@link withoutDetails} do. */
export async function sendFiles(client: Client, outgoing: Outgoing, { signal, onSealed }: SendingOptions): Promise<void> {
  const { conversation, files, text, replyTo, unchanged } = outgoing
  const totalBytes = files.reduce((sum, { size }) => sum + size, 0)
  let readBytes = 0
  const onRead = (bytes: number): void => {
    readBytes += bytes
    onSealed(readBytes / totalBytes)
  }
  const sources: FileSource[] = []
  // One after the other: a photo is in memory while it is looked through.
  for (const file of files) {
    signal.throwIfAborted()
    sources.push(await sourceOf(unchanged ? file : await withoutDetails(file), onRead))
  }
  signal.throwIfAborted()
  const sent = await conversation.sendFiles(withinPreviews(sources), { text, signal, ...(replyTo === undefined ? {} : { replyTo }) })
  kept.set(sent.upload, outgoing)
  for (const old of [...kept.keys()].slice(0, Math.max(0, kept.size - KEPT_MAX))) kept.delete(old)
  // How it ends is told by the list of uploads; what was sent needs no other try.
  sent.message.then(() => { kept.delete(sent.upload) }, () => undefined)
  await storesOf(client).uploads.refresh()
}

/** The files of an upload that failed, to be sent again: undefined where they are not here any more. */
export function outgoingOf(upload: string): Outgoing | undefined {
  return kept.get(upload)
}

/** Lets go of the files of an upload. */
export function forgetOutgoing(upload: string): void {
  kept.delete(upload)
}
