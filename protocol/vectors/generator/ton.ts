import { Address, beginCell, type Cell, Dictionary, storeStateInit, type StateInit } from '@ton/core'
import { keyPairFromSeed, sign } from '@ton/crypto'
import { WalletContractV1R3, WalletContractV2R2, WalletContractV3R1, WalletContractV3R2, WalletContractV4, WalletContractV5Beta, WalletContractV5R1 } from '@ton/ton'
import { commonCases, expectedOf, hex, honest, proofCase, rawText, seedOf, sha256, type Case, type Fields, type Json, type Maker } from './base.js'
import { le, malleated, P, SMALL_ORDER } from './curve-points.js'

const pair = keyPairFromSeed(seedOf('ton'))
const other = keyPairFromSeed(seedOf('ton other'))

interface Contract { readonly address: Address; readonly init?: { readonly code: Cell | null | undefined; readonly data: Cell | null | undefined } | null | undefined }
const idOf = (address: Address): string => `ton:-239:${address.toString({ urlSafe: true, bounceable: false })}`
const cellOf = (init: StateInit): Cell => beginCell().store(storeStateInit(init)).endCell()
const stateOf = (contract: Contract): Cell => cellOf({ code: contract.init?.code ?? null, data: contract.init?.data ?? null })
const bocOf = (cell: Cell): string => cell.toBoc({ idx: false, crc32: true }).toString('hex')

const u32 = (value: number, little: boolean): Buffer => {
  const bytes = Buffer.alloc(4)
  if (little) bytes.writeUInt32LE(value)
  else bytes.writeInt32BE(value)
  return bytes
}
const u64 = (value: number, little: boolean): Buffer => {
  const bytes = Buffer.alloc(8)
  if (little) bytes.writeBigUInt64LE(BigInt(value))
  else bytes.writeBigUInt64BE(BigInt(value))
  return bytes
}
/** TON Connect's two digests, written a second time. */
function proofDigest(address: Address, domain: string, timestamp: number, payload: string): Buffer {
  const item = Buffer.concat([Buffer.from('ton-proof-item-v2/'), u32(address.workChain, false), address.hash, u32(Buffer.byteLength(domain), true), Buffer.from(domain), u64(timestamp, true), Buffer.from(payload)])
  return sha256(Buffer.concat([Buffer.from([0xff, 0xff]), Buffer.from('ton-connect'), sha256(item)]))
}
function dataDigest(address: Address, domain: string, timestamp: number, text: string): Buffer {
  return sha256(Buffer.concat([
    Buffer.from([0xff, 0xff]), Buffer.from('ton-connect/sign-data/'), u32(address.workChain, false), address.hash, u32(Buffer.byteLength(domain), false), Buffer.from(domain),
    u64(timestamp, false), Buffer.from('txt'), u32(Buffer.byteLength(text), false), Buffer.from(text),
  ]))
}

interface Change { address?: Address; state?: string; timestamp?: number; signedDomain?: string; domainBytes?: number; key?: Buffer; payload?: string }

function proofOf(form: 'ton-proof' | 'ton-sign-data', contract: Contract, fields: Fields, change: Change = {}, text?: string): Json {
  const address = change.address ?? contract.address
  const timestamp = change.timestamp ?? Math.floor(fields.issuedAtMs / 1_000)
  const domain = change.signedDomain ?? fields.domain
  const payload = change.payload ?? (form === 'ton-proof' ? sha256(text ?? rawText('ton', fields, true)).toString('base64url') : (text ?? rawText('ton', fields)))
  const digest = form === 'ton-proof' ? proofDigest(address, domain, timestamp, payload) : dataDigest(address, domain, timestamp, payload)
  return {
    ...fields, form, stateInit: change.state ?? bocOf(stateOf(contract)), tonTimestamp: timestamp, tonDomainBytes: change.domainBytes ?? Buffer.byteLength(domain),
    signature: hex(sign(digest, change.key ?? pair.secretKey)),
  }
}

const publicKey = pair.publicKey
const v5 = WalletContractV5R1.create({ publicKey })
const v4 = WalletContractV4.create({ workchain: 0, publicKey })
const KNOWN: readonly (readonly [string, Contract])[] = [
  ['V3R1', WalletContractV3R1.create({ workchain: 0, publicKey })],
  ['V3R2', WalletContractV3R2.create({ workchain: 0, publicKey })],
  ['V4R2', v4],
  ['V5R1', v5],
  ['V4R2 in the masterchain', WalletContractV4.create({ workchain: -1, publicKey })],
  ['V4R2 with another subwallet', WalletContractV4.create({ workchain: 0, publicKey, walletId: 7 })],
  ['V5R1 with another subwallet', WalletContractV5R1.create({ publicKey, walletId: { networkGlobalId: -239, context: { walletVersion: 'v5r1', workchain: 0, subwalletNumber: 3 } } })],
  ['V5R1 numbered for the test network', WalletContractV5R1.create({ publicKey, walletId: { networkGlobalId: -3 } })],
]

function contractOf(init: StateInit, workchain = 0): Contract & { readonly state: string } {
  const cell = cellOf(init)
  return { address: new Address(workchain, cell.hash()), init: { code: init.code, data: init.data }, state: bocOf(cell) }
}

/** States whose hash is their address, and which still must be refused. */
function unsupported(): readonly (readonly [string, string, Contract & { readonly state: string }])[] {
  const code5 = v5.init.code
  const code4 = v4.init.code
  const v5data = (allowed: number, key: Uint8Array, extensions: boolean): Cell => {
    const dict = Dictionary.empty(Dictionary.Keys.BigUint(256), Dictionary.Values.BigInt(1))
    if (extensions) dict.set(BigInt(`0x${hex(seedOf('extension'))}`), -1n)
    return beginCell().storeUint(allowed, 1).storeUint(0, 32).storeUint(2_147_483_409, 32).storeBuffer(Buffer.from(key)).storeDict(dict).endCell()
  }
  const v4data = (tail: (builder: ReturnType<typeof beginCell>) => ReturnType<typeof beginCell>): Cell => {
    return tail(beginCell().storeUint(0, 32).storeUint(698_983_191, 32).storeBuffer(publicKey)).endCell()
  }
  const plugin = Dictionary.empty(Dictionary.Keys.BigUint(264), Dictionary.Values.BigInt(1)).set(5n, -1n)
  const U = 'proof.wallet_unsupported'
  const smallOrder = SMALL_ORDER.map((point, index): [string, string, Contract & { readonly state: string }] => {
    return ['proof.small_order_key', `owner key of small order, number ${String(index)}`, contractOf({ code: code5, data: v5data(1, point.toBytes(), false) })]
  })
  const old = (contract: Contract): Contract & { readonly state: string } => ({ ...contract, state: bocOf(stateOf(contract)) })
  return [
    [U, 'V5R1 with signatures switched off', contractOf({ code: code5, data: v5data(0, publicKey, false) })],
    [U, 'V5R1 with an extension', contractOf({ code: code5, data: v5data(1, publicKey, true) })],
    [U, 'V4R2 with a plugin', contractOf({ code: code4, data: v4data((builder) => builder.storeDict(plugin)) })],
    [U, 'V4R2 without the plugin bit', contractOf({ code: code4, data: v4data((builder) => builder) })],
    [U, 'V4R2 with a bit more', contractOf({ code: code4, data: v4data((builder) => builder.storeUint(0, 2)) })],
    [U, 'V4R2 with a reference', contractOf({ code: code4, data: v4data((builder) => builder.storeUint(0, 1).storeRef(beginCell().endCell())) })],
    [U, 'V3R2 code with data of V4', contractOf({ code: WalletContractV3R2.create({ workchain: 0, publicKey }).init.code, data: v4data((builder) => builder.storeUint(0, 1)) })],
    [U, 'V4R2 code with data of V5', contractOf({ code: code4, data: v5data(1, publicKey, false) })],
    [U, 'V1R3', old(WalletContractV1R3.create({ workchain: 0, publicKey }))],
    [U, 'V2R2', old(WalletContractV2R2.create({ workchain: 0, publicKey }))],
    [U, 'V5 beta', old(WalletContractV5Beta.create({ publicKey }))],
    [U, 'contract of a stranger that holds the key', contractOf({ code: beginCell().storeUint(1, 8).endCell(), data: v4.init.data })],
    [U, 'no data', contractOf({ code: code4 })],
    [U, 'no code', contractOf({ data: v4.init.data })],
    [U, 'split depth set', contractOf({ code: code4, data: v4.init.data, splitDepth: 1 })],
    [U, 'tick-tock set', contractOf({ code: code4, data: v4.init.data, special: { tick: true, tock: false } })],
    [U, 'a library', (() => {
      const cell = beginCell().storeUint(0b00111, 5).storeRef(code4).storeRef(v4.init.data).storeRef(beginCell().endCell()).endCell()
      return { address: new Address(0, cell.hash()), state: bocOf(cell) }
    })()],
    [U, 'code and data exchanged', contractOf({ code: v4.init.data, data: code4 })],
    ['proof.signature_encoding', 'owner key y = p + 1', contractOf({ code: code5, data: v5data(1, le(P + 1n), false) })],
    ['proof.signature', 'owner key that is no point', contractOf({ code: code5, data: v5data(1, le(2n), false) })],
    ['proof.signature', 'owner key of another', contractOf({ code: code5, data: v5data(1, other.publicKey, false) })],
    ...smallOrder,
  ]
}

/** Bags of cells that are not what they seem. */
function bocCases(fields: Fields): Case[] {
  const good = stateOf(v5)
  const boc = good.toBoc({ idx: false, crc32: true })
  const plain = good.toBoc({ idx: false, crc32: false })
  const at = (code: string | undefined, name: string, state: Uint8Array | string): Case => {
    const proof = proofOf('ton-proof', v5, fields, { state: typeof state === 'string' ? state : hex(state) })
    return code === undefined ? proofCase.accept(`state: ${name}`, proof, expectedOf(fields)) : proofCase.refuse(code, `state: ${name}`, proof, expectedOf(fields))
  }
  const edit = (source: Buffer, offset: number, value: number): Buffer => {
    const copy = Buffer.from(source)
    copy[offset < 0 ? copy.length + offset : offset] = value
    return copy
  }
  const M = 'proof.malformed'
  return [
    at(undefined, 'without checksum', plain),
    at(undefined, 'with an index', good.toBoc({ idx: true, crc32: true })),
    at('proof.state_init', 'of another wallet', bocOf(stateOf(v4))),
    at('proof.state_init', 'same code, key of another', bocOf(stateOf(WalletContractV5R1.create({ publicKey: other.publicKey })))),
    at('proof.state_init', 'number of transactions is one', bocOf(cellOf({ code: v5.init.code, data: beginCell().storeUint(1, 1).storeUint(1, 32).storeUint(2_147_483_409, 32).storeBuffer(publicKey).storeUint(0, 1).endCell() }))),
    at(M, 'empty', ''),
    at(M, 'another magic', edit(plain, 0, 0x68)),
    at(M, 'wrong checksum', edit(boc, -1, (boc.at(-1) ?? 0) ^ 1)),
    at(M, 'a byte behind', Buffer.concat([boc, Buffer.alloc(1)])),
    at(M, 'without its last byte', boc.subarray(0, -1)),
    at(M, 'header only', plain.subarray(0, 11)),
    at(M, 'two roots declared', edit(plain, 7, 2)),
    at(M, 'no root declared', edit(plain, 7, 0)),
    at(M, 'an absent cell declared', edit(plain, 8, 1)),
    at(M, 'a cell more declared', edit(plain, 6, (plain[6] ?? 0) + 1)),
    at(M, 'a cell less declared', edit(plain, 6, (plain[6] ?? 0) - 1)),
    at(M, 'four thousand million cells declared', Buffer.concat([Buffer.from('b5ee9c720404ffffffff0000000100000000', 'hex'), plain.subarray(11)])),
    at(M, 'the second cell as root', edit(plain, 11, 1)),
    at(M, 'reserved flag set', edit(plain, 4, 0x09)),
    at(M, 'cache flag set', edit(plain, 4, 0x21)),
    at(M, 'numbers of seven bytes', edit(plain, 4, 7)),
    at(M, 'root is exotic', edit(plain, 12, 0x0a)),
    at(M, 'root has a level', edit(plain, 12, 0x22)),
    at(M, 'root has five references', edit(plain, 12, 5)),
    at(M, 'root refers to itself', edit(plain, 15, 0)),
    at(M, 'root refers beyond the last cell', edit(plain, 15, 0xff)),
    at(M, 'completion of the root missing', edit(plain, 14, 0)),
    at(M, 'more than 8 KiB', Buffer.concat([plain, Buffer.alloc(8_192)])),
    at('proof.state_init', 'a bit of the code changed', edit(plain, plain.length - 20, (plain.at(-20) ?? 0) ^ 1)),
  ]
}

function wireCases(form: 'ton-proof' | 'ton-sign-data', fields: Fields): Case[] {
  const seconds = Math.floor(fields.issuedAtMs / 1_000)
  const at = (code: string | undefined, name: string, change: Change, then: Json = {}): Case => {
    const proof = { ...proofOf(form, v5, fields, change), ...then }
    return code === undefined ? proofCase.accept(`${form}: ${name}`, proof, expectedOf(fields)) : proofCase.refuse(code, `${form}: ${name}`, proof, expectedOf(fields))
  }
  const good = proofOf(form, v5, fields)
  const text = rawText('ton', fields, form === 'ton-proof')
  return [
    at(undefined, 'signed in the last second of the nonce', { timestamp: seconds + 600 }),
    at('proof.expired', 'signed a second before the nonce was issued', { timestamp: seconds - 1 }),
    at('proof.not_yet_valid', 'signed a second after the end of the nonce', { timestamp: seconds + 601 }),
    at('proof.signature', 'another timestamp than signed', {}, { tonTimestamp: seconds + 1 }),
    at('proof.domain', 'length of the domain one too small', { domainBytes: 11 }),
    at('proof.domain', 'length of the domain one too large', { domainBytes: 13 }),
    at('proof.domain', 'length of the domain zero', { domainBytes: 0 }),
    at('proof.signature', 'domain of another site signed', { signedDomain: 'evil.example' }),
    at('proof.signature', 'bytes moved from the payload into the domain', { signedDomain: 'chat.examplex' }, { tonDomainBytes: 12 }),
    at('proof.signature', 'address of the masterchain signed', { address: new Address(-1, v5.address.hash) }),
    at('proof.signature', 'key of another', { key: other.secretKey }),
    at('proof.signature', 'payload is the text itself', { payload: form === 'ton-proof' ? text : sha256(text).toString('base64url') }),
    at('proof.signature', 'payload is the hash in hex', { payload: sha256(text).toString('hex') }),
    at('proof.signature', 'payload is empty', { payload: '' }),
    at('proof.signature_encoding', 'S + L in place of S', {}, { signature: hex(malleated(Buffer.from(String(good['signature']), 'hex'))) }),
    at('proof.signature', 'signature of zeros', {}, { signature: '00'.repeat(64) }),
    at('proof.malformed', 'negative timestamp', {}, { tonTimestamp: -1 }),
    at('proof.malformed', 'no StateInit', {}, { stateInit: undefined }),
    proofCase.refuse('proof.signature', `${form}: named as the other form`, { ...good, form: form === 'ton-proof' ? 'ton-sign-data' : 'ton-proof' }, expectedOf(fields)),
  ]
}

/** All cases of proof-ton.json. */
export function tonCases(): Case[] {
  const fields = honest(idOf(v5.address))
  const facts = { chain: 'ton', otherForm: 'siws', textCode: 'proof.signature' } as const
  const make = (form: 'ton-proof' | 'ton-sign-data'): Maker => (signed, text) => proofOf(form, v5, signed, {}, text)
  const everyWallet = KNOWN.flatMap(([name, contract]) => (['ton-proof', 'ton-sign-data'] as const).map((form) => {
    const own = honest(idOf(contract.address))
    return proofCase.accept(`${form}: ${name}`, proofOf(form, contract, own), expectedOf(own))
  }))
  const refused = unsupported().map(([code, name, contract]) => {
    const own = honest(idOf(contract.address))
    return proofCase.refuse(code, `state: ${name}`, proofOf('ton-proof', contract, own, { state: contract.state }), expectedOf(own))
  })
  const spelled = ([['bounceable', v5.address.toString({ bounceable: true })], ['of the test network', v5.address.toString({ bounceable: false, testOnly: true })], ['raw', v5.address.toRawString()]] as const).map(([name, address]) => {
    const own = { ...fields, wallet: `ton:-239:${address}` }
    return proofCase.refuse('proof.malformed', `ton-proof: wallet id with the address ${name}`, { ...proofOf('ton-proof', v5, own) }, expectedOf(fields))
  })
  return [
    ...everyWallet,
    ...commonCases({ ...facts, form: 'ton-proof', bindsAccount: false }, fields.wallet, make('ton-proof')),
    ...commonCases({ ...facts, form: 'ton-sign-data', bindsAccount: true }, fields.wallet, make('ton-sign-data')),
    ...wireCases('ton-proof', fields),
    ...wireCases('ton-sign-data', fields),
    ...spelled,
    ...refused,
    ...bocCases(fields),
  ]
}
