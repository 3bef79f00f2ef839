import type { HistoryProgress, HistoryRequested, HistoryStatus } from '@evegram/sdk'
import { useClient } from '@evegram/sdk/react'
import { useCallback, useEffect, useState } from 'react'
import { useLoaded, type Loaded } from '../ui/use-loaded.js'

/** History between own devices, as this one sees it. */
export interface HistoryNow {
  /** What this device asked for. */
  readonly status: HistoryStatus
  /** Devices that ask this one. */
  readonly requests: readonly HistoryRequested[]
}

/** Reads both sides, again whenever one changes; `progress` of what is under way. */
export function useHistory(): { readonly now: Loaded<HistoryNow>; readonly again: () => void; readonly progress: HistoryProgress | undefined } {
  const client = useClient()
  const [progress, setProgress] = useState<HistoryProgress>()
  const { now, again } = useLoaded(useCallback(async () => ({ status: await client.history.status(), requests: await client.history.requests() }), [client]))
  useEffect(() => {
    const stops = [
      client.on('history-request', again), client.on('history-progress', setProgress),
      client.on('history-changed', () => {
        setProgress(undefined)
        again()
      }),
    ]
    return () => { for (const stop of stops) stop() }
  }, [client, again])
  return { now, again, progress }
}
