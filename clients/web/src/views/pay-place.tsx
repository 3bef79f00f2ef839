import { isEvegramError } from '@evegram/protocol'
import type { AccountWallet, Client, Message, PendingPayment, WalletAsset } from '@evegram/sdk'
import { useClient, useMessages } from '@evegram/sdk/react'
import { createContext, useCallback, useContext, useEffect, useMemo, useState, type ReactElement, type ReactNode } from 'react'
import { useLoaded } from '../ui/use-loaded.js'
import type { PayStart } from './pay-terms.js'

/** What the bubbles of payments in a conversation know. */
export interface PayPlace {
  /** Payments in memory that name a request, by the request: what their senders say. */
  readonly answers: ReadonlyMap<string, readonly Message[]>
  /** Payments of this conversation without a message: on their way, or refused. */
  readonly pending: readonly PendingPayment[]
  /** Opens the dialog with a request that is to be paid, or with a payment that was refused; absent where nothing can be paid. */
  readonly onPay?: ((start: PayStart) => void) | undefined
}

const NO_ASSETS: readonly WalletAsset[] = []
const NO_PAYMENTS: readonly PendingPayment[] = []
const NOWHERE: PayPlace = { answers: new Map(), pending: NO_PAYMENTS }
const PlaceContext = createContext<PayPlace>(NOWHERE)
const knownAssets = new WeakMap<Client, readonly WalletAsset[]>()

/** The account at the wallet bridge; undefined where the server has none. */
export function walletOf(client: Client): AccountWallet | undefined {
  try {
    return client.wallet
  } catch (error) {
    if (isEvegramError(error, 'wallet.none')) return undefined
    throw error
  }
}

/** Tells the messages below of the money in their conversation. */
export function PayPlaceProvider({ id, onPay, children }: Pick<PayPlace, 'onPay'> & { readonly id: Parameters<typeof useMessages>[0]; readonly children: ReactNode }): ReactElement {
  const { messages } = useMessages(id)
  const answers = useMemo(() => answersIn(messages), [messages])
  const pending = usePending(id)
  const place = useMemo(() => ({ answers, pending, onPay }), [answers, pending, onPay])
  return <PlaceContext.Provider value={place}>{children}</PlaceContext.Provider>
}

/** What is known of the money in the conversation around. */
export function usePayPlace(): PayPlace {
  return useContext(PlaceContext)
}

/** What the server holds, read once for each client. Until it could be read amounts are shown in their smallest unit. */
export function useAssets(): readonly WalletAsset[] {
  const client = useClient()
  const [assets, setAssets] = useState(knownAssets.get(client) ?? NO_ASSETS)
  useEffect(() => {
    if (knownAssets.has(client)) return undefined
    let isCurrent = true
    const read = (): void => {
      walletOf(client)?.assets().then((value) => {
        knownAssets.set(client, value)
        if (isCurrent) setAssets(value)
      }, () => {
        // Asked again with the next connection.
      })
    }
    read()
    const stop = client.on('state', ({ state }) => { if (state === 'live' && !knownAssets.has(client)) read() })
    return () => {
      isCurrent = false
      stop()
    }
  }, [client])
  return assets
}

function usePending(id: string): readonly PendingPayment[] {
  const client = useClient()
  const { now, again } = useLoaded(useCallback(async () => (await walletOf(client)?.payments() ?? NO_PAYMENTS).filter(({ conversation }) => conversation === id), [client, id]))
  useEffect(() => client.on('payment-changed', ({ conversation }) => { if (conversation === id) again() }), [client, id, again])
  return now.status === 'ready' ? now.value : NO_PAYMENTS
}

function answersIn(messages: readonly Message[]): ReadonlyMap<string, readonly Message[]> {
  const answers = new Map<string, Message[]>()
  for (const message of messages) {
    const request = message.payment?.request
    if (request === undefined) continue
    answers.set(request, [...answers.get(request) ?? [], message])
  }
  return answers
}
