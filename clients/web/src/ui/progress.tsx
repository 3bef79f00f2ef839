import type { ReactElement } from 'react'

/** How far something is, from 0 to 1; undefined where nobody knows. */
export function Progress({ label, part }: { readonly label: string; readonly part: number | undefined }): ReactElement {
  // In whole parts of a hundred: each change is read out and painted.
  return <progress className="progress" aria-label={label} max={100} {...(part === undefined ? {} : { value: Math.min(100, Math.floor(part * 100)) })} />
}
