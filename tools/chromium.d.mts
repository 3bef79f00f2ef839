import type { Browser } from 'playwright-core'

/** What {@link findChromium} looks at; given by tests. */
export interface FindOptions {
  readonly environment?: Readonly<Record<string, string | undefined>>
  readonly install?: () => Promise<void>
  readonly isRoot?: boolean
}
/** Path of a Chromium. Rejects with what to install where there is none and none can be installed. */
export function findChromium(options?: FindOptions): Promise<string>
/** A Chromium that playwright-core drives, without a window. `args` are added to its command line. Close it when done. */
export function launchChromium(options?: { readonly args?: readonly string[] }): Promise<Browser>
