import type { Message } from '@evegram/sdk'
import { useClient } from '@evegram/sdk/react'
import { useEffect, useState } from 'react'
import { codeOf } from '../i18n/error-text.js'
import { fetchMedia } from './fetch-file.js'
import { MediaCache } from './media-cache.js'

/** What is shown of a file: not wanted yet, on its way (from 0 to 1), there, not what its sender says, or not to be had. */
export type ShownMedia =
  | { readonly status: 'idle' }
  | { readonly status: 'loading'; readonly part: number }
  | { readonly status: 'ready'; readonly url: string }
  | { readonly status: 'unfit' }
  | { readonly status: 'failed'; readonly code: string }

const IDLE: ShownMedia = { status: 'idle' }
const cache = new MediaCache({ makeUrl: (blob) => URL.createObjectURL(blob), revokeUrl: (url) => { URL.revokeObjectURL(url) } })

/** Lets go of every picture and film that nobody looks at: when somebody signs out. */
export function clearMedia(): void {
  cache.clear()
}

/** The content of a file that is shown in place, fetched while `isWanted`; `tries`: another number fetches again what failed. */
export function useMedia(message: Message, index: number, isWanted: boolean, tries: number): ShownMedia {
  const client = useClient()
  const [media, setMedia] = useState<ShownMedia>(IDLE)
  const blob = message.files?.[index]?.blob
  useEffect(() => {
    if (!isWanted || blob === undefined) return undefined
    let isOpen = true
    setMedia({ status: 'loading', part: 0 })
    const onProgress = ({ doneBytes, totalBytes }: { readonly doneBytes: number; readonly totalBytes: number }): void => {
      if (isOpen && doneBytes < totalBytes) setMedia({ status: 'loading', part: doneBytes / totalBytes })
    }
    const lease = cache.open(blob, (signal) => fetchMedia(client, message, index, { signal, onProgress }))
    lease.url.then((url) => { if (isOpen) setMedia(url === undefined ? { status: 'unfit' } : { status: 'ready', url }) }, (failure: unknown) => { if (isOpen) setMedia({ status: 'failed', code: codeOf(failure) }) })
    return () => {
      isOpen = false
      lease.close()
      // What was let go of has no address any more.
      setMedia((now) => (now.status === 'unfit' ? now : IDLE))
    }
    // A message that changed (a reaction, a receipt) has the same files.
  }, [client, blob, index, isWanted, tries])
  return media
}
