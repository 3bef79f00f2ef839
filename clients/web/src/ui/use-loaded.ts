import { useCallback, useEffect, useState } from 'react'
import { codeOf } from '../i18n/error-text.js'

/** Something that is read: not yet, failed, or there. */
export type Loaded<Value> = { readonly status: 'loading' } | { readonly status: 'failed'; readonly code: string } | { readonly status: 'ready'; readonly value: Value }

/** Reads with `read`, again whenever that is another function or `again` is called. Give it a function of `useCallback`. */
export function useLoaded<Value>(read: () => Promise<Value>): { readonly now: Loaded<Value>; readonly again: () => void } {
  const [now, setNow] = useState<Loaded<Value>>({ status: 'loading' })
  const [times, setTimes] = useState(0)
  useEffect(() => {
    let isCurrent = true
    read().then((value) => { if (isCurrent) setNow({ status: 'ready', value }) }, (failure: unknown) => { if (isCurrent) setNow({ status: 'failed', code: codeOf(failure) }) })
    return () => { isCurrent = false }
  }, [read, times])
  return { now, again: useCallback(() => { setTimes((count) => count + 1) }, []) }
}
