import type { ReactElement } from 'react'
import { useTexts } from '../i18n/texts.js'
import { hrefOf } from '../route.js'
import { Icon } from '../ui/icon.js'
import type { GapLine as Line } from './place-gaps.js'

/** Reasons for which another own device, or a backup, may have what is missing here. */
const ELSEWHERE: readonly Line['reason'][] = ['expired', 'unreadable', 'sender_revoked', 'before_you_joined']

/** Says that something is missing, why, and what can be done about it. `name`: of the person whose messages they are. */
export function GapLine({ line: { reason, count }, name }: { readonly line: Line; readonly name: string }): ReactElement {
  const { t } = useTexts()
  return (
    <p className="gap" role="note">
      <Icon name="warn" />
      <span dir="auto">
        <b>{count === undefined ? t('gap.time') : t(`gap.${reason}`, { name, count })}</b> {t(count === undefined ? 'gap.expired.do' : `gap.${reason}.do`)}
        {ELSEWHERE.includes(reason) ? <> <a href={hrefOf({ view: 'history' })}>{t('gap.elsewhere')}</a></> : null}
      </span>
    </p>
  )
}

/** In place of the beginning of a conversation that is older than this device. */
export function BeforeDevice(): ReactElement {
  const { t } = useTexts()
  return <p className="beginning">{t('gap.beforeDevice')} <a href={hrefOf({ view: 'history' })}>{t('gap.elsewhere')}</a></p>
}
