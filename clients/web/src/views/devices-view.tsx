import type { OwnDevice, OwnWallet } from '@evegram/sdk'
import { useClient } from '@evegram/sdk/react'
import { useCallback, useEffect, type ReactElement } from 'react'
import { isFramed } from '../frame.js'
import { useTexts } from '../i18n/texts.js'
import { useSession } from '../session/use-session.js'
import { ConfirmButton } from '../ui/confirm-button.js'
import { Failure, Loading, useAction } from '../ui/feedback.js'
import { Icon } from '../ui/icon.js'
import { Panel, Section } from '../ui/panel.js'
import { useLoaded } from '../ui/use-loaded.js'
import { Framed } from './framed.js'
import { useSigner } from './wallet-signer.js'

/** The devices and wallets of the own account. */
export function DevicesView(): ReactElement {
  const { t } = useTexts()
  const client = useClient()
  const { now, again } = useLoaded(useCallback(async () => ({ devices: await client.devices(), wallets: await client.wallets() }), [client]))
  useEffect(() => {
    const stops = [client.on('device-added', again), client.on('device-revoked', again)]
    return () => { for (const stop of stops) stop() }
  }, [client, again])
  return (
    <Panel title={t('devices.title')}>
      {isFramed() ? <Framed text={t('devices.lead')} /> : now.status === 'loading' ? <Loading /> : now.status === 'failed' ? <Failure code={now.code} retry={again} /> : (
        <>
          <p className="soft">{t('devices.lead')}</p>
          <Devices devices={now.value.devices} again={again} />
          <Section title={t('devices.wallets')}><Wallets wallets={now.value.wallets} /></Section>
        </>
      )}
    </Panel>
  )
}

function Devices({ devices, again }: { readonly devices: readonly OwnDevice[]; readonly again: () => void }): ReactElement {
  const { t, date } = useTexts()
  const client = useClient()
  const session = useSession()
  const signer = useSigner()
  const { busy, code, run } = useAction()
  const sorted = [...devices].sort((left, right) => Number(right.active) - Number(left.active) || right.attestedAtMs - left.attestedAtMs)
  const revoke = (device: OwnDevice): void => {
    run(async () => {
      if (device.device === client.device) {
        await session.signOut()
        return
      }
      await client.revokeDevice(device.device, await signer.open())
      again()
    })
  }
  return (
    <>
      {code === undefined ? null : <Failure code={code} />}
      <ul className="people">
        {sorted.map((device) => {
          const isThis = device.device === client.device
          const name = t('devices.name', { id: device.device.slice(0, 8) })
          return (
            <li key={device.device} className={device.active ? '' : 'is-off'}>
              <span className="card-icon"><Icon name="device" /></span>
              <span className="person-name">{isThis ? t('devices.this') : name}<span className="soft small">{device.active ? t('devices.active', { date: date(device.attestedAtMs) }) : t('devices.revoked')}</span></span>
              {device.active ? <ConfirmButton label={t('devices.revoke')} name={t('devices.revoke.of', { name: device.device.slice(0, 8) })} question={t(isThis ? 'devices.revoke.self' : 'devices.revoke.sure')} disabled={busy} onConfirm={() => { revoke(device) }} /> : null}
            </li>
          )
        })}
      </ul>
      {signer.dialog}
    </>
  )
}

function Wallets({ wallets }: { readonly wallets: readonly OwnWallet[] }): ReactElement {
  const { t } = useTexts()
  return (
    <ul className="people">
      {wallets.map(({ address, chain, founding, active }) => (
        <li key={address} className={active ? '' : 'is-off'}>
          <span className={`coin chain-${chain}`} aria-hidden="true" />
          <span className="person-name"><code className="address">{address}</code><span className="soft small">{t(`signin.chain.${chain}`)}{founding ? ` · ${t('devices.founding')}` : ''}</span></span>
        </li>
      ))}
    </ul>
  )
}
