import { useSyncExternalStore } from 'react'

const subscribe = (changed: () => void): (() => void) => {
  globalThis.document.addEventListener('visibilitychange', changed)
  return () => { globalThis.document.removeEventListener('visibilitychange', changed) }
}

/** Whether somebody can see the page: a tab in the background reads nothing. */
export function useVisible(): boolean {
  return useSyncExternalStore(subscribe, () => globalThis.document.visibilityState === 'visible')
}
