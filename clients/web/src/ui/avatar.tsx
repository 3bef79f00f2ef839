import type { CSSProperties, ReactElement } from 'react'
import { Icon } from './icon.js'

/** A round picture made of an id: the same colours everywhere, nothing to load. `label` gives the letters. */
export function Avatar({ id, label, kind = 'direct', large = false }: {
  readonly id: string
  readonly label: string
  readonly kind?: 'direct' | 'group' | 'channel'
  readonly large?: boolean
}): ReactElement {
  // Two bytes of the id are the colour.
  const style: CSSProperties & Record<'--hue', string> = { '--hue': String(Number.parseInt(id.slice(0, 4), 16) % 360) }
  const letters = [...label.trim()].slice(0, kind === 'direct' ? 2 : 1).join('')
  return (
    <span className={large ? 'avatar avatar-large' : 'avatar'} style={style} aria-hidden="true">
      {kind === 'channel' || letters === '' ? <Icon name={kind === 'group' ? 'group' : kind === 'channel' ? 'channel' : 'person'} /> : letters}
    </span>
  )
}
