import { storesOf, useClient } from '@evegram/sdk/react'
import { useEffect, useSyncExternalStore } from 'react'
import { followAccount } from '../preferences.js'

/** The page looks as the account says, where nothing else was chosen in this browser. */
export function Looks(): null {
  const { settings } = storesOf(useClient())
  const now = useSyncExternalStore(settings.subscribe, settings.getSnapshot)
  useEffect(() => { if (now.status === 'ready') followAccount(now.value) }, [now])
  return null
}
