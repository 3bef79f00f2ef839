import { bytesOfHex, hexOf } from '@evegram/protocol'
import type { Chain } from '@evegram/protocol/proof'
import type { Wallet } from '@evegram/sdk'
import { keep, readKept } from '../kept.js'

const LOOPBACK = ['localhost', '127.0.0.1', '[::1]']
const CHAINS: readonly Chain[] = ['solana', 'ton', 'terra']
const SEED_BYTES = 32

const keyOf = (profile: string): string => `evegram.demo.${profile}`

/** Whether demo wallets may be used: on this machine, at a server whose chain is play money from a faucet. */
export async function hasDemoWallets(): Promise<boolean> {
  if (!LOOPBACK.includes(globalThis.location.hostname)) return false
  try {
    const answer = await fetch('/v1/play')
    if (!answer.ok) return false
    const body: unknown = await answer.json()
    return typeof body === 'object' && body !== null && 'faucet' in body && typeof body.faucet === 'object' && body.faucet !== null && 'open' in body.faucet && body.faucet.open === true
  } catch {
    // No server: the sign-in says so when it is tried.
    return false
  }
}

/** The chain of the demo wallet that this browser keeps for a profile. */
export function rememberedDemoChain(profile: string): Chain | undefined {
  return readWallet(profile)?.chain
}

/** The demo wallet of a profile: the one that is kept, or a new one of `chain`, which is kept from now on. */
export async function openDemoWallet(profile: string, chain: Chain): Promise<Wallet> {
  const { createLocalWallet } = await import('@evegram/sdk')
  const kept = readWallet(profile)
  const seed = kept?.chain === chain ? kept.seed : globalThis.crypto.getRandomValues(new Uint8Array(SEED_BYTES))
  keep(keyOf(profile), `${chain}:${hexOf(seed)}`)
  return createLocalWallet(chain, seed)
}

/** Forgets the demo wallet of a profile, and with it the way into its account. */
export function forgetDemoWallet(profile: string): void {
  keep(keyOf(profile), undefined)
}

function readWallet(profile: string): { readonly chain: Chain; readonly seed: Uint8Array } | undefined {
  const [name, hex = ''] = (readKept(keyOf(profile)) ?? '').split(':')
  const chain = CHAINS.find((known) => known === name)
  return chain === undefined || !/^[0-9a-f]{64}$/.test(hex) ? undefined : { chain, seed: bytesOfHex(hex) }
}
