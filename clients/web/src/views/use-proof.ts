import { systemClock, type Message, type PaymentProof } from '@evegram/sdk'
import { useClient } from '@evegram/sdk/react'
import { useCallback, useEffect, useRef } from 'react'
import { useLoaded } from '../ui/use-loaded.js'
import { walletOf } from './pay-place.js'

/** What is known of a payment that a message tells of: what the own statement says, or that this is being asked, or could not be. */
export type ProofState = PaymentProof | 'checking' | 'failed'

/** A look that failed is made again after this time, in ms. */
const RETRY_MS = 5_000
/** So many times; then it waits for news of the money, the connection, or the person. */
const RETRIES_MAX = 12

/** Looks a payment up in the own statement: the message alone proves nothing. Again when something happened to the money, as long as it is not proved. */
export function useProof(message: Message): { readonly proof: ProofState; readonly again: () => void } {
  const client = useClient()
  const { now, again } = useLoaded(useCallback(async (): Promise<PaymentProof> => await walletOf(client)?.proofOf(message) ?? 'unproven', [client, message]))
  const proof = now.status === 'ready' ? now.value : now.status === 'failed' ? 'failed' : 'checking'
  useEffect(() => {
    if (proof === 'paid') return undefined
    const stops = [client.on('wallet-notice', again), client.on('server-notice', again), client.on('state', ({ state }) => { if (state === 'live') again() })]
    return () => { for (const stop of stops) stop() }
  }, [client, proof, again])
  const retries = useRef(0)
  useEffect(() => {
    if (proof !== 'failed' || retries.current >= RETRIES_MAX) return undefined
    const timer = systemClock.after(RETRY_MS, () => {
      retries.current += 1
      again()
    })
    return () => { timer.cancel() }
  }, [now, proof, again])
  return { proof, again }
}
