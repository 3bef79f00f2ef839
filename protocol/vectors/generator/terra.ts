import { makeSignDoc, Secp256k1Wallet, type AminoSignResponse } from '@cosmjs/amino'
import { secp256k1 } from '@noble/curves/secp256k1.js'
import { commonCases, expectedOf, hex, honest, proofCase, rawText, seedOf, sha256, type Case, type Fields, type Json, type Maker } from './base.js'

const N = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n
const PRIVATE_KEY = seedOf('terra')
const P = 0xfffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2fn

interface SignDocChange { chainId?: string; memo?: string; account?: number; sequence?: number; gas?: string; type?: string; signer?: string; data?: string }

/** The sign document of ADR-036 by CosmJS. */
const documentOf = (address: string, text: string, change: SignDocChange = {}): ReturnType<typeof makeSignDoc> => makeSignDoc(
  [{ type: change.type ?? 'sign/MsgSignData', value: { signer: change.signer ?? address, data: change.data ?? Buffer.from(text).toString('base64') } }],
  { gas: change.gas ?? '0', amount: [] }, change.chainId ?? '', change.memo ?? '', change.account ?? 0, change.sequence ?? 0,
)

const be = (value: bigint): Buffer => Buffer.from(value.toString(16).padStart(64, '0'), 'hex')

/** All cases of proof-terra.json. */
export async function terraCases(): Promise<Case[]> {
  const signer = await Secp256k1Wallet.fromKey(PRIVATE_KEY, 'terra')
  const otherSigner = await Secp256k1Wallet.fromKey(seedOf('terra other'), 'terra')
  const [{ address = '', pubkey = new Uint8Array() } = {}] = await signer.getAccounts()
  const [{ address: otherAddress = '', pubkey: otherKey = new Uint8Array() } = {}] = await otherSigner.getAccounts()
  const wallet = `cosmos:columbus-5:${address}`
  const fields = honest(wallet)
  const text = rawText('terra', fields)

  const proofOf = (own: Fields, response: AminoSignResponse): Json => ({
    ...own, form: 'adr036', publicKey: hex(Buffer.from(String(response.signature.pub_key.value), 'base64')), signature: hex(Buffer.from(response.signature.signature, 'base64')),
  })
  const sign = async (own: Fields, signedText = rawText('terra', own), change: SignDocChange = {}, by = signer, as = address): Promise<Json> => {
    return proofOf(own, await by.signAmino(as, documentOf(change.signer ?? as, signedText, change)))
  }
  // commonCases wants answers at once: the same deterministic signature (RFC 6979) by the curve library that CosmJS itself uses.
  const make: Maker = (own, signedText = rawText('terra', own)) => {
    const signBytes = Buffer.from(
      `{"account_number":"0","chain_id":"","fee":{"amount":[],"gas":"0"},"memo":"","msgs":[{"type":"sign/MsgSignData","value":{"data":"${Buffer.from(signedText).toString('base64')}","signer":"${address}"}}],"sequence":"0"}`,
    )
    return { ...own, form: 'adr036', publicKey: hex(pubkey), signature: hex(secp256k1.sign(signBytes, PRIVATE_KEY)) }
  }
  const byCosmJs = await sign(fields)
  if (JSON.stringify(byCosmJs) !== JSON.stringify(make(fields))) throw new Error('the two ways to sign differ')

  const good = Buffer.from(String(byCosmJs['signature']), 'hex')
  const [r, s] = [good.subarray(0, 32), good.subarray(32)]
  const highS = be(N - BigInt(`0x${hex(s)}`))
  const at = (code: string, name: string, change: Json): Case => proofCase.refuse(code, `adr036: ${name}`, { ...byCosmJs, ...change }, expectedOf(fields))
  const signed = async (code: string, name: string, change: SignDocChange): Promise<Case> => {
    return proofCase.refuse(code, `adr036: ${name}`, await sign(fields, text, change), expectedOf(fields))
  }
  const uncompressed = secp256k1.Point.fromBytes(pubkey).toBytes(false)
  const hybrid = Buffer.from(uncompressed)
  hybrid[0] = 6 + ((hybrid[64] ?? 0) & 1)
  const E = 'proof.signature_encoding'
  const ownOther = honest(`cosmos:columbus-5:${otherAddress}`)
  return [
    proofCase.accept('adr036: signed by CosmJS', byCosmJs, expectedOf(fields)),
    proofCase.accept('adr036: another wallet, signed by CosmJS', await sign(ownOther, undefined, {}, otherSigner, otherAddress), expectedOf(ownOther)),
    ...commonCases({ chain: 'terra', form: 'adr036', textCode: 'proof.signature', otherForm: 'siws', bindsAccount: true }, wallet, make),
    at('proof.high_s', 'high S', { signature: hex(Buffer.concat([r, highS])) }),
    at(E, 'S is zero', { signature: hex(Buffer.concat([r, Buffer.alloc(32)])) }),
    at(E, 'R is zero', { signature: hex(Buffer.concat([Buffer.alloc(32), s])) }),
    at(E, 'S is the group order', { signature: hex(Buffer.concat([r, be(N)])) }),
    at(E, 'R is the group order', { signature: hex(Buffer.concat([be(N), s])) }),
    at(E, 'zeros', { signature: '00'.repeat(64) }),
    at(E, 'DER signature', { signature: `3044${'0220'}${hex(r)}0220${hex(s)}` }),
    at(E, 'signature with a recovery byte', { signature: `${hex(good)}00` }),
    at('proof.signature', 'R and S exchanged', { signature: hex(Buffer.concat([s, r])).replace(/^/, '') }),
    at(E, 'uncompressed key', { publicKey: hex(uncompressed) }),
    at(E, 'hybrid key', { publicKey: hex(hybrid) }),
    at(E, 'key with prefix 4', { publicKey: `04${hex(pubkey).slice(2)}` }),
    at(E, 'key with prefix 0', { publicKey: `00${hex(pubkey).slice(2)}` }),
    at(E, 'key of 32 bytes', { publicKey: hex(pubkey).slice(2) }),
    at(E, 'key of 34 bytes', { publicKey: `${hex(pubkey)}00` }),
    at(E, 'empty key', { publicKey: '' }),
    at(E, 'key with x = p', { publicKey: `02${hex(be(P))}` }),
    at(E, 'key with x above p', { publicKey: `02${'f'.repeat(64)}` }),
    at('proof.address', 'key with the other sign of y', { publicKey: `${pubkey[0] === 2 ? '03' : '02'}${hex(pubkey).slice(2)}` }),
    at('proof.address', 'key of another wallet', { publicKey: hex(otherKey) }),
    at('proof.malformed', 'no key', { publicKey: undefined }),
    at('proof.wallet_unsupported', 'multisig key', { publicKey: `22c1f7e20802${`1226eb5ae98721${hex(pubkey)}`.repeat(2)}` }),
    proofCase.refuse('proof.address', 'adr036: signed by another wallet with its own key', await sign(fields, text, { signer: address }, otherSigner, otherAddress), expectedOf(fields)),
    proofCase.refuse('proof.signature', 'adr036: signature of another wallet', { ...(await sign(fields, text, { signer: address }, otherSigner, otherAddress)), publicKey: hex(pubkey) }, expectedOf(fields)),
    await signed('proof.signature', 'sign document with a chain id', { chainId: 'columbus-5' }),
    await signed('proof.signature', 'sign document with a memo', { memo: 'x' }),
    await signed('proof.signature', 'sign document with an account number', { account: 1 }),
    await signed('proof.signature', 'sign document with a sequence', { sequence: 1 }),
    await signed('proof.signature', 'sign document with gas', { gas: '1' }),
    await signed('proof.signature', 'sign document of another message type', { type: 'sign/MsgSignText' }),
    await signed('proof.signature', 'data in hex', { data: Buffer.from(text).toString('hex') }),
    await signed('proof.signature', 'data not encoded', { data: text }),
    proofCase.refuse('proof.signature', 'adr036: signature over the bare text', { ...byCosmJs, signature: hex(secp256k1.sign(Buffer.from(text), PRIVATE_KEY)) }, expectedOf(fields)),
    proofCase.refuse('proof.signature', 'adr036: signature over the hash, hashed again', { ...byCosmJs, signature: hex(secp256k1.sign(sha256(text), PRIVATE_KEY)) }, expectedOf(fields)),
    ...(['terra1', 'osmo1', 'cosmos1'] as const).map((prefix) => proofCase.refuse(
      'proof.malformed', `adr036: wallet id ${prefix} with the checksum of another`, { ...byCosmJs, wallet: `cosmos:columbus-5:${prefix}${otherAddress.slice(6, -6)}${address.slice(-6)}` }, expectedOf(fields),
    )),
    proofCase.refuse('proof.malformed', 'adr036: wallet id on another chain', { ...byCosmJs, wallet: `cosmos:phoenix-1:${address}` }, expectedOf(fields)),
  ]
}
