import { usePresence } from '@evegram/sdk/react'
import type { ReactElement } from 'react'
import { startOfDay, useTexts } from '../i18n/texts.js'
import { now } from '../now.js'

/** Whether somebody is there, as far as they tell it; what is given otherwise. A hint of the moment, and nothing rests on it. */
export function PresenceLine({ account, otherwise }: { readonly account: string; readonly otherwise: string }): ReactElement {
  const { t, date, time } = useTexts()
  const presence = usePresence(account)
  if (presence?.status === 'online') return <span className="is-online">{t('presence.online')}</span>
  const seenAtMs = presence?.lastSeenAtMs
  if (presence?.status !== 'away' || seenAtMs === undefined) return <>{otherwise}</>
  return <>{t('presence.seen', { date: startOfDay(seenAtMs) === startOfDay(now()) ? time(seenAtMs) : date(seenAtMs) })}</>
}
