import { deliveryOf, type DeliveryState as Delivery, type Message } from '@evegram/sdk'
import type { ReactElement } from 'react'
import { useTexts } from '../i18n/texts.js'
import { Icon, type IconName } from '../ui/icon.js'

const ICONS: Readonly<Record<Delivery, IconName>> = { sending: 'clock', sent: 'check', delivered: 'checks', read: 'checks', failed: 'warn' }

/** How far an own message came, as those who got it said: a sign, and the same in words. Nothing for messages of others. */
export function DeliveryState({ message }: { readonly message: Pick<Message, 'direction' | 'state' | 'receipts'> }): ReactElement | null {
  const { t } = useTexts()
  const state = deliveryOf(message)
  if (state === undefined) return null
  const { receipts } = message
  // Of a group the sign says what holds for everybody; the words say how many have it.
  const text = receipts !== undefined && receipts.of > 1 && state !== 'sending' && state !== 'failed'
    ? t('state.counts', { delivered: receipts.deliveredTo, read: receipts.readBy, of: receipts.of }) : t(`state.${state}`)
  return <span className={`delivery is-${state}`} title={text}><Icon name={ICONS[state]} /><span className="only-heard">{text}</span></span>
}
