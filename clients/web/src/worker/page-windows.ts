/** A window of this site, as a service worker knows it. */
export interface SiteWindow {
  readonly url: string
}

/** Windows of the page itself: others of the same site (what runs here, the operator's page) show nothing of what came. `page` is its address. */
export function pageWindows<Window extends SiteWindow>(windows: readonly Window[], page: string): readonly Window[] {
  return windows.filter(({ url }) => {
    const { origin, pathname } = new URL(url)
    return `${origin}${pathname}` === page
  })
}
