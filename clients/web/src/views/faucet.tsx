import { EvegramError } from '@evegram/protocol'
import type { Client } from '@evegram/sdk'
import { useClient } from '@evegram/sdk/react'
import { useCallback, useState, type ReactElement } from 'react'
import { useTexts } from '../i18n/texts.js'
import { Failure, useAction } from '../ui/feedback.js'
import { useLoaded } from '../ui/use-loaded.js'

/** Whole units of play money that one press gives. */
const UNITS = 20n

/** The chain of play money of this server, where its faucet is open. */
interface Faucet {
  readonly chain: string
  readonly amount: string
}

/** Gives play money, at a server that has some for this machine; nothing elsewhere. */
export function FaucetButton(): ReactElement | null {
  const { t } = useTexts()
  const client = useClient()
  const { now } = useLoaded(useCallback(readFaucet, []))
  const { busy, code, run } = useAction()
  const [done, setDone] = useState(false)
  if (now.status !== 'ready' || now.value === undefined) return null
  const faucet = now.value
  return (
    <div className="faucet">
      {code === undefined ? null : <Failure code={code} />}
      <button type="button" className="button" disabled={busy} onClick={() => { run(async () => { await fill(client, faucet); setDone(true) }) }}>{t('wallet.faucet')}</button>
      <p className="soft small" role="status">{done ? t('wallet.faucet.done') : ''}</p>
    </div>
  )
}

async function readFaucet(): Promise<Faucet | undefined> {
  const answer = await fetch('/v1/play')
  if (!answer.ok) return undefined
  const body: unknown = await answer.json()
  if (typeof body !== 'object' || body === null || !('chain' in body) || typeof body.chain !== 'string' || !('decimals' in body) || typeof body.decimals !== 'number') return undefined
  const isOpen = 'faucet' in body && typeof body.faucet === 'object' && body.faucet !== null && 'open' in body.faucet && body.faucet.open === true
  return isOpen ? { chain: body.chain, amount: String(UNITS * 10n ** BigInt(body.decimals)) } : undefined
}

async function fill({ wallet }: Client, { chain, amount }: Faucet): Promise<void> {
  const { address, memo } = await wallet.depositPlace(chain)
  const answer = await fetch('/v1/play/faucet', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ to: address, amount, memo }) })
  if (!answer.ok) throw new EvegramError('unavailable.chain', { operation: 'ask faucet' })
}
