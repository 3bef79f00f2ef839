import { EvegramError, isEvegramError } from '@evegram/protocol'
import type { Client, Wallet } from '@evegram/sdk'
import { useClient } from '@evegram/sdk/react'
import { lazy, Suspense, useId, useRef, useState, type ReactElement } from 'react'
import { codeOf } from '../i18n/error-text.js'
import { useTexts } from '../i18n/texts.js'
import { useSession } from '../session/use-session.js'
import { Failure } from '../ui/feedback.js'
import { WalletDeclined } from '../wallets/declined.js'
import type { FoundWallet } from '../wallets/found-wallet.js'

// Needed when a wallet has to be looked for, which is seldom.
const WalletChoices = lazy(async () => ({ default: (await import('./wallet-choices.js')).WalletChoices }))

/** What {@link useSigner} gives. */
export interface Signer {
  /** A wallet of the own account that signs: the one of this session, else the one that the person chooses. Rejects `wallet.declined` when they choose none. */
  open(): Promise<Wallet>
  /** The question which one; to be put somewhere in the view. */
  readonly dialog: ReactElement
}

interface Waiting {
  readonly resolve: (wallet: Wallet) => void
  readonly reject: (failure: Error) => void
}

/** A wallet to sign with. After the page was loaded again it knows no wallet program any more: then it asks for one. */
export function useSigner(): Signer {
  const { t } = useTexts()
  const client = useClient()
  const session = useSession()
  const id = useId()
  const dialog = useRef<HTMLDialogElement>(null)
  const waiting = useRef<Waiting>(undefined)
  const [isOpen, setOpen] = useState(false)
  const [code, setCode] = useState<string>()
  const open = async (): Promise<Wallet> => {
    try {
      return await session.openWallet(client.address)
    } catch (error) {
      if (!isEvegramError(error, 'client.not_signed_in')) throw error
    }
    return new Promise((resolve, reject) => {
      waiting.current = { resolve, reject }
      setCode(undefined)
      setOpen(true)
      dialog.current?.showModal()
    })
  }
  const choose = (found: FoundWallet): void => {
    setCode(undefined)
    session.connect(found, (wallet) => requireOwn(client, wallet)).then((wallet) => {
      waiting.current?.resolve(wallet)
      waiting.current = undefined
      dialog.current?.close()
    }, (failure: unknown) => { setCode(codeOf(failure)) })
  }
  const closed = (): void => {
    setOpen(false)
    waiting.current?.reject(new WalletDeclined('no wallet was chosen'))
    waiting.current = undefined
  }
  return {
    open,
    dialog: (
      <dialog ref={dialog} className="dialog" aria-labelledby={id} onClose={closed}>
        <h2 id={id}>{t('signer.title')}</h2>
        <p>{t('signer.lead')}</p>
        {code === undefined ? null : <Failure code={code} />}
        {isOpen ? <Suspense fallback={null}><WalletChoices choose={choose} /></Suspense> : null}
        <form method="dialog" className="actions"><button type="submit" className="button">{t('dialog.cancel')}</button></form>
      </dialog>
    ),
  }
}

/** Another wallet cannot sign for this account: said before anybody is asked to sign. */
async function requireOwn(client: Client, wallet: Wallet): Promise<void> {
  if ((await client.wallets()).some(({ address, active }) => active && address === wallet.address)) return
  throw new EvegramError('account.wallet_unknown', { operation: 'choose wallet' })
}
