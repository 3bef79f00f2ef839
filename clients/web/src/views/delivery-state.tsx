import type { Message } from '@evegram/sdk'
import type { ReactElement } from 'react'
import { useTexts } from '../i18n/texts.js'
import { Icon, type IconName } from '../ui/icon.js'

const ICONS: Readonly<Record<Message['state'], IconName>> = { queued: 'clock', sent: 'check', failed: 'warn', received: 'check' }

/** How far an own message came. */
export function DeliveryState({ state }: { readonly state: Message['state'] }): ReactElement {
  const { t } = useTexts()
  return <span className={`delivery is-${state}`} title={t(`state.${state}`)}><Icon name={ICONS[state]} /><span className="only-heard">{t(`state.${state}`)}</span></span>
}
