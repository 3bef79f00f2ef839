/** One file of a page. */
export interface PageFile {
  readonly path: string
  readonly bytes: number
  readonly sha256: string
}
/** The hashes of a built page. */
export interface PageManifest {
  readonly version: number
  /** SHA-256 of what `sha256sum` prints for the files, sorted by name. */
  readonly bundle: string
  readonly files: readonly PageFile[]
}
/** The file that holds them, in the folder of the page. */
export const MANIFEST_FILE: string
/** What the bundle hash is of. */
export function bundleText(files: readonly PageFile[]): string
/** The hashes of every file below `folder`. */
export function manifestOf(folder: string): PageManifest
/** Writes the manifest of `folder` into it and returns it. */
export function writeManifest(folder: string): PageManifest
/** Vite plugin: writes the manifest when a build is complete. Put it last. */
export function pageManifest(): { readonly name: string }
