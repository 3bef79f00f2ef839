import { useEffect, useRef, type ReactElement } from 'react'
import { useTexts } from '../i18n/texts.js'
import { CopyButton } from '../ui/feedback.js'
import { QrCode } from '../ui/qr-code.js'
import { useModal } from '../ui/use-modal.js'
import type { ShownPrompt, WalletPrompt } from '../wallets/wallet-prompts.js'

/** What a wallet on another device wants of the person: a code to scan, an account to compare, something to confirm there. Escape says no. */
export function WalletDialog({ shown: { prompt, isConnected, cancel, agree } }: { readonly shown: ShownPrompt }): ReactElement {
  const { t } = useTexts()
  const dialog = useModal(cancel)
  const heading = useRef<HTMLHeadingElement>(null)
  // Each question is read out by its name.
  useEffect(() => { heading.current?.focus() }, [prompt])
  const name = prompt.wallet
  return (
    <dialog {...dialog} className="dialog wallet-dialog" aria-labelledby="wallet-dialog-title" onCancel={(event) => { event.preventDefault(); cancel() }}>
      <h2 id="wallet-dialog-title" ref={heading} tabIndex={-1}>{t(`remote.${prompt.kind}.title`, { name })}</h2>
      <p>{t(`remote.${prompt.kind}.lead`, { name })}</p>
      {prompt.kind === 'own' ? <p className="own-account"><code className="address" dir="ltr">{prompt.address}</code></p> : <Way prompt={prompt} isConnected={isConnected} />}
      <div className="actions">
        <button type="button" className="button" onClick={cancel}>{t('dialog.cancel')}</button>
        {prompt.kind === 'own' ? <button type="button" className="button primary" onClick={agree}>{t('remote.own.yes')}</button> : null}
      </div>
    </dialog>
  )
}

/** The way to the wallet, and whether it can be heard. */
function Way({ prompt, isConnected }: { readonly prompt: Exclude<WalletPrompt, { readonly kind: 'own' }>; readonly isConnected: boolean }): ReactElement {
  const { t } = useTexts()
  const { wallet: name, bridge: host, link, kind } = prompt
  return (
    <>
      {kind === 'link' ? <QrCode text={link} label={t('remote.link.qr', { name })} /> : null}
      <div className="wallet-ways">
        <a className="button primary" href={link} target="_blank" rel="noopener noreferrer">{t('remote.open', { name })}</a>
        {kind === 'link' ? <CopyButton text={link} /> : null}
      </div>
      <div className={isConnected ? 'wallet-waits' : 'wallet-waits wrong'} role="status"><span className="spinner" aria-hidden="true" />{isConnected ? t('remote.waiting', { name }) : t('remote.lost', { host })}</div>
      {kind === 'link' ? <p className="small">{t('remote.link.bridge', { host })}</p> : null}
    </>
  )
}
