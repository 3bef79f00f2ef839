import { accountIdOf, parseDeviceId, type WalletId } from '@evegram/protocol'
import { decodeWalletProof, encodeWalletProof, parseAddress, verifyProof, type Chain, type ProofExpectation } from '@evegram/protocol/proof'
import { describe, expect, it } from 'vitest'
import { noblePrimitives } from '../crypto/noble-primitives.js'
import { createLocalWallet, type LocalWalletOptions } from './local-wallet.js'
import type { ProofRequest } from './wallet.js'

const seed = Uint8Array.from({ length: 32 }, (_, index) => index + 1)
const NOW_MS = Date.UTC(2026, 10, 21)

const CASES: readonly (readonly [string, Chain, LocalWalletOptions])[] = [
  ['Solana text', 'solana', {}],
  ['Solana off-chain message', 'solana', { solanaForm: 'solana-offchain' }],
  ['Solana memo transaction', 'solana', { solanaForm: 'solana-memo-tx' }],
  ['TON V5R1', 'ton', {}],
  ['TON V4R2', 'ton', { tonWallet: 'v4r2' }],
  ['TON V3R2', 'ton', { tonWallet: 'v3r2' }],
  ['TON V3R1', 'ton', { tonWallet: 'v3r1' }],
  ['Terra Classic', 'terra', {}],
]

function request(wallet: WalletId, change: Partial<ProofRequest> = {}): ProofRequest {
  return {
    domain: 'chat.example', origin: 'https://chat.example', purpose: 'add-device', account: accountIdOf(wallet),
    device: parseDeviceId('00112233445566778899aabbccddeeff'), logSeq: 0, logHead: new Uint8Array(32),
    nonce: 'abcdefghijklmnopqrstuvwxyz', issuedAtMs: NOW_MS, expirationTimeMs: NOW_MS + 600_000, ...change,
  }
}

function expectation(proof: ProofRequest, change: Partial<ProofExpectation> = {}): ProofExpectation {
  return { ...proof, network: 'mainnet', nowMs: NOW_MS + 1_000, mode: 'server', ...change }
}

describe('local wallets', () => {
  it.each(CASES)('%s signs every purpose so that the verifier accepts it', async (_, chain, options) => {
    const wallet = createLocalWallet(chain, seed, options)
    const other = createLocalWallet('terra', seed.map((byte) => byte + 7)).walletId
    const changes: Partial<ProofRequest>[] = [
      {}, { purpose: 'revoke-device' }, { purpose: 'link-wallet', otherWallet: other }, { purpose: 'unlink-wallet', otherWallet: other },
      { purpose: 'erase' }, { purpose: 'policy', bodyHash: new Uint8Array(32) }, { purpose: 'withdraw', bodyHash: new Uint8Array(32) },
    ]
    for (const change of changes) {
      const fields = request(wallet.walletId, change)
      const proof = decodeWalletProof(encodeWalletProof(await wallet.signProof(fields)))
      expect(verifyProof(proof, expectation(fields), noblePrimitives)).toEqual({ status: 'valid' })
    }
  })

  it.each(CASES)('%s: a proof names its fault', async (_, chain, options) => {
    const wallet = createLocalWallet(chain, seed, options)
    const fields = request(wallet.walletId)
    const proof = await wallet.signProof(fields)
    const codeFor = (change: Partial<ProofExpectation>): string => {
      const outcome = verifyProof(proof, expectation(fields, change), noblePrimitives)
      return outcome.status === 'valid' ? outcome.status : outcome.code
    }
    expect(codeFor({ domain: 'chat.example.evil.example' })).toBe('proof.domain')
    expect(codeFor({ purpose: 'erase' })).toBe('proof.purpose')
    expect(codeFor({ nowMs: NOW_MS + 600_001 })).toBe('proof.expired')
    expect(codeFor({ nowMs: NOW_MS + 600_001, mode: 'peer' })).toBe('valid')
    expect(codeFor({ nowMs: NOW_MS - 60_001 })).toBe('proof.not_yet_valid')
    expect(codeFor({ network: 'testnet' })).toBe('proof.network')
    // A claim that was changed to please the verifier is not what was signed.
    const forged = verifyProof({ ...proof, purpose: 'erase' }, expectation(fields, { purpose: 'erase' }), noblePrimitives)
    const isWrapped = proof.form === 'solana-offchain' || proof.form === 'solana-memo-tx'
    expect(forged).toMatchObject({ status: 'refused', code: isWrapped ? 'proof.text' : 'proof.signature' })
  })

  it.each(CASES)('%s has an address that reads back as the same wallet', (_, chain, options) => {
    const wallet = createLocalWallet(chain, seed, options)
    expect(parseAddress(wallet.address)).toMatchObject({ chain, walletId: wallet.walletId, address: wallet.address })
  })

  it('refuses seeds of another length and fields that are no fields', async () => {
    expect(() => createLocalWallet('solana', seed.subarray(1))).toThrow('invalid.argument')
    expect(() => createLocalWallet('terra', new Uint8Array(32))).toThrow('invalid.argument')
    const wallet = createLocalWallet('solana', seed)
    await expect(wallet.signProof(request(wallet.walletId, { domain: 'evil.example\nURI: x' }))).rejects.toThrow('invalid.argument')
  })
})
