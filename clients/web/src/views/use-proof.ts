import type { Message, PaymentProof } from '@evegram/sdk'
import { useClient } from '@evegram/sdk/react'
import { useCallback, useEffect } from 'react'
import { useLoaded } from '../ui/use-loaded.js'
import { walletOf } from './pay-place.js'

/** What is known of a payment that a message tells of: what the own statement says, or that this is being asked, or could not be. */
export type ProofState = PaymentProof | 'checking' | 'failed'

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
  return { proof, again }
}
