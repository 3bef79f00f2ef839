import { useSyncExternalStore } from 'react'

/** What the page shows. The conversation is in the address; nothing secret ever is. */
export type Route =
  | { readonly view: 'list' | 'new' | 'new-group' | 'new-channel' | 'follow' | 'requests' | 'devices' | 'wallet' | 'wallet-deposit' | 'wallet-withdraw' | 'notices' | 'settings' | 'backup' | 'history' }
  | { readonly view: 'conversation' | 'info' | 'request'; readonly id: string }

/** Every view that has an address of its own, beside the list. */
export const PLACES = ['new', 'new-group', 'new-channel', 'follow', 'requests', 'devices', 'wallet', 'wallet-deposit', 'wallet-withdraw', 'notices', 'settings', 'backup', 'history'] as const

/** Reads what stands behind `#` in the address; anything unknown is the list. */
export function parseRoute(hash: string): Route {
  const [, place = '', id = '', rest = ''] = /^#\/([a-z-]*)(?:\/([0-9a-f]{32}))?(?:\/([a-z]+))?$/.exec(hash) ?? []
  if (place === 'r' && id !== '') return { view: 'request', id }
  if (place === 'c' && id !== '') return { view: rest === 'info' ? 'info' : 'conversation', id }
  const view = PLACES.find((known) => known === place)
  return { view: view ?? 'list' }
}

/** The address of a route. */
export function hrefOf(route: Route): string {
  switch (route.view) {
    case 'conversation': return `#/c/${route.id}`
    case 'info': return `#/c/${route.id}/info`
    case 'request': return `#/r/${route.id}`
    case 'list': return '#/'
    default: return `#/${route.view}`
  }
}

/** Goes somewhere; the way back leads here. */
export function goTo(route: Route): void {
  globalThis.location.hash = hrefOf(route)
}

const subscribe = (changed: () => void): (() => void) => {
  globalThis.addEventListener('hashchange', changed)
  return () => { globalThis.removeEventListener('hashchange', changed) }
}

/** Where the page is. */
export function useRoute(): Route {
  const hash = useSyncExternalStore(subscribe, () => globalThis.location.hash)
  return parseRoute(hash)
}
