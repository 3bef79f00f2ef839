/** One package of a lockfile, as far as licences need it. */
export interface LockedPackage {
  readonly license?: string
  readonly link?: boolean
  readonly resolved?: string
  readonly dependencies?: Readonly<Record<string, string>>
  readonly optionalDependencies?: Readonly<Record<string, string>>
}
/** The forbidden packages that each Apache-2.0 workspace of a lockfile reaches at run time, as sentences; empty when all is well. */
export function findLicenceBreaches(lock: { readonly packages: Readonly<Record<string, LockedPackage>> }): string[]
