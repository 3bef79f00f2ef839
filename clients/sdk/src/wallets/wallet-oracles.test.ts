import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { bytesOfHex, hexOf, parseAccountId, parseDeviceId } from '@evegram/protocol'
import { encodeWalletProof, isPurpose, parseWalletId, type Chain } from '@evegram/protocol/proof'
import { describe, expect, it } from 'vitest'
import { createLocalWallet, type LocalWalletOptions } from './local-wallet.js'

type Fields = Readonly<Record<string, string | number | undefined>>
interface Vector { readonly name: string; readonly kind: string; readonly valid: boolean; readonly proof: Fields }

function vectorsOf(chain: Chain): readonly Vector[] {
  const url = new URL(`../../../../protocol/vectors/proof-${chain}.json`, import.meta.url)
  return (JSON.parse(readFileSync(url, 'utf8')) as { cases: Vector[] }).cases.filter(({ kind, valid }) => kind === 'proof' && valid)
}

const seed = (chain: Chain): Uint8Array => createHash('sha256').update(`evegram vectors: ${chain}`).digest()
const text = (fields: Fields, name: string): string => String(fields[name])
const asHex = (map: object): object => Object.fromEntries(
  Object.entries(map).map(([name, value]: [string, unknown]) => [name, value instanceof Uint8Array ? hexOf(value) : value]),
)

/** The vectors that one wallet could have made: its id, its form, no change of wire fields. */
const WALLETS: readonly (readonly [string, Chain, LocalWalletOptions, string, RegExp])[] = [
  ['@solana/web3.js, text', 'solana', {}, 'siws', /./],
  ['@solana/web3.js, envelope', 'solana', { solanaForm: 'solana-offchain' }, 'solana-offchain', /^(?!.*(?:format 1|short header))/],
  ['@solana/web3.js, memo', 'solana', { solanaForm: 'solana-memo-tx' }, 'solana-memo-tx', /^(?!.*without accounts)/],
  ['@ton/ton V5R1', 'ton', {}, 'ton-proof', /: V5R1$|^ton-proof: add a device/],
  ['@ton/ton V4R2', 'ton', { tonWallet: 'v4r2' }, 'ton-proof', /: V4R2$/],
  ['@ton/ton V3R2', 'ton', { tonWallet: 'v3r2' }, 'ton-proof', /: V3R2$/],
  ['@ton/ton V3R1', 'ton', { tonWallet: 'v3r1' }, 'ton-proof', /: V3R1$/],
  ['@ton/ton signData', 'ton', {}, 'ton-sign-data', /(?:revoke|link|unlink|change|withdraw|erase)/],
  ['@cosmjs/amino', 'terra', {}, 'adr036', /./],
]

describe('local wallets and the libraries of their chains', () => {
  it.each(WALLETS)('make the same proofs, byte for byte: %s', async (_, chain, options, form, names) => {
    const wallet = createLocalWallet(chain, seed(chain), options)
    const vectors = vectorsOf(chain).filter(({ name, proof }) => proof['form'] === form && proof['wallet'] === wallet.walletId && names.test(name))
    expect(vectors.length).toBeGreaterThan(0)
    for (const { proof } of vectors) {
      const purpose = text(proof, 'purpose')
      if (!isPurpose(purpose)) throw new Error('vector without a purpose')
      const made = await wallet.signProof({
        domain: text(proof, 'domain'), origin: text(proof, 'origin'), purpose, account: parseAccountId(text(proof, 'account')),
        device: parseDeviceId(text(proof, 'device')), logSeq: Number(proof['logSeq']), logHead: bytesOfHex(text(proof, 'logHead')),
        nonce: text(proof, 'nonce'), issuedAtMs: Number(proof['issuedAtMs']), expirationTimeMs: Number(proof['expirationTimeMs']),
        otherWallet: proof['otherWallet'] === undefined ? undefined : parseWalletId(text(proof, 'otherWallet')),
        bodyHash: proof['bodyHash'] === undefined ? undefined : bytesOfHex(text(proof, 'bodyHash')),
      })
      // Two libraries may put the same cells into another order: the root hash, which is the address, was compared above.
      const { stateInit: _made, ...ours } = { stateInit: '', ...asHex(encodeWalletProof(made)) }
      const { stateInit: _theirs, ...theirs } = { stateInit: '', ...proof }
      expect(ours).toEqual(theirs)
    }
  })
})
