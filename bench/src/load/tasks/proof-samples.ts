import { accountIdOf, emptyAccountState, hexOf, parseDeviceId, type CborValue } from '@evegram/protocol'
import { encodeWalletProof, OWN_FORMAT, type Chain } from '@evegram/protocol/proof'
import type { RawEnrolment } from '../../raw/raw-device.js'

/** Characters of a nonce of the server. Whether one was issued is not the proof's question. */
const NONCE_CHARACTERS = 46
const LIFE_MS = 300_000

/**
 * Proofs of `count` wallets that nobody has seen, each as a device signs in with it on this server, as a file of proof vectors: what the
 * server's own verifier reads. Nothing is sent.
 */
export async function proofSamples(enrolment: RawEnrolment, chain: Chain, count: number, onMade: (made: number) => void): Promise<string> {
  const { domain, origin, network } = enrolment.server
  const cases: unknown[] = []
  while (cases.length < count) {
    const wallet = enrolment.newWallet(chain)
    const { account, seq: logSeq, head: logHead } = emptyAccountState(accountIdOf(wallet.walletId))
    const issuedAtMs = Date.now()
    const device = parseDeviceId(account)
    const proof = await wallet.signProof({
      domain, origin, purpose: 'add-device', account, logSeq, logHead, device, nonce: account.padEnd(NONCE_CHARACTERS, '0'), issuedAtMs, expirationTimeMs: issuedAtMs + LIFE_MS,
    })
    const expected = { domain, origin, network, wallet: wallet.walletId, purpose: proof.purpose, account, device, logSeq, logHead: hexOf(logHead), nowMs: issuedAtMs + 1_000, mode: 'server' }
    cases.push({ kind: 'proof', valid: true, proof: jsonOf(encodeWalletProof(proof)), expected })
    onMade(cases.length)
  }
  return JSON.stringify({ format: OWN_FORMAT, cases })
}

/** A proof as it stands in vectors: bytes in hex. */
function jsonOf(proof: Readonly<Record<string, CborValue>>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(proof).map(([name, value]) => [name, value instanceof Uint8Array ? hexOf(value) : value]))
}
