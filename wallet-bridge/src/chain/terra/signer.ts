import { createHash } from 'node:crypto'
import { AuthInfo, Coins, Fee, ModeInfo, SignDoc, SignerInfo, SimplePublicKey, Tx, type TxBody } from '@terra-money/terra.js'
import { createNodePrimitives } from '@evegram/platform'
import { EvegramError, hexOf } from '@evegram/protocol'
import { verifySecp256k1 } from '@evegram/protocol/proof'
import type { Signer } from '../signer.js'

/** What a signature is bound to, beside what the transaction says. */
export interface TerraSigning {
  readonly chainId: string
  readonly accountNumber: number
  readonly sequence: number
  readonly gas: number
  /** By denomination. */
  readonly fee: ReadonlyMap<string, bigint>
}

const primitives = createNodePrimitives()

/** Throws `invalid.argument` for a signer of another algorithm. */
export function requireSecp256k1(signer: Signer): void {
  if (signer.algorithm !== 'secp256k1') throw new EvegramError('invalid.argument', { operation: 'sign for Terra' })
}

/**
 * Signs a transaction of one signer in the mode `direct`, and gives its bytes and the hash that they are known by. Throws `internal` when what the signer gave
 * is no signature of its key with a low s: bytes that cannot land would look like a payment in flight.
 */
export async function sealTerraTransaction(
  body: TxBody, { chainId, accountNumber, sequence, gas, fee }: TerraSigning, signer: Signer,
): Promise<{ readonly txid: string; readonly bytes: Uint8Array }> {
  requireSecp256k1(signer)
  const key = new SimplePublicKey(Buffer.from(signer.publicKey).toString('base64'))
  const direct = new ModeInfo(new ModeInfo.Single(ModeInfo.SignMode.SIGN_MODE_DIRECT))
  const coins = new Coins(Object.fromEntries([...fee].filter(([, amount]) => amount > 0n).map(([denom, amount]) => [denom, String(amount)])))
  const information = new AuthInfo([new SignerInfo(key, sequence, direct)], new Fee(gas, coins))
  const signed = new SignDoc(chainId, accountNumber, sequence, information, body).toBytes(true)
  const signature = await signer.sign(signed)
  if (verifySecp256k1(primitives, signer.publicKey, signed, signature) !== 'valid') throw new EvegramError('internal', { operation: 'sign for Terra' })
  const bytes = new Uint8Array(new Tx(body, information, [Buffer.from(signature).toString('base64')]).toBytes(true))
  return { txid: terraTxid(bytes), bytes }
}

/** What a transaction is known by: the SHA-256 of its bytes, in capital hex. */
export function terraTxid(bytes: Uint8Array): string {
  return hexOf(createHash('sha256').update(bytes).digest()).toUpperCase()
}
