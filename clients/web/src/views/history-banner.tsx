import { useClient } from '@evegram/sdk/react'
import { useState, type ReactElement } from 'react'
import { useTexts } from '../i18n/texts.js'
import { keep, readKept } from '../kept.js'
import { hrefOf } from '../route.js'
import { useHistory } from '../session/use-history.js'
import { Icon } from '../ui/icon.js'

/** Tells that another own device asks for history, or that this one could ask; what was put away for this device does not come again. */
export function HistoryBanner(): ReactElement | null {
  const { t } = useTexts()
  const client = useClient()
  const { now } = useHistory()
  const key = `evegram.history.${client.device}`
  const [isAway, setIsAway] = useState(readKept(key) !== undefined)
  if (now.status !== 'ready') return null
  const { status, requests } = now.value
  const asks = requests.some(({ state }) => state === 'waiting')
  const mayAsk = status.state === 'none' && status.devices > 0 && !isAway
  const isMoving = status.state === 'asked' || status.state === 'offered' || status.state === 'taking'
  if (!asks && !mayAsk && !isMoving) return null
  const putAway = (): void => {
    keep(key, '1')
    setIsAway(true)
  }
  return (
    <div className="history-banner" role="status">
      <Icon name="device" />
      <p>{t(asks ? 'history.banner.asked' : status.state === 'offered' ? 'history.banner.offered' : isMoving ? 'history.banner.moving' : 'history.banner.new')} <a href={hrefOf({ view: 'history' })}>{t('history.banner.look')}</a></p>
      {mayAsk && !asks ? <button type="button" className="icon-button" onClick={putAway} aria-label={t('history.banner.away')}><Icon name="close" /></button> : null}
    </div>
  )
}
