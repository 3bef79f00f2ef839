import { Keypair, type Message, PublicKey, Transaction, TransactionInstruction, TransactionMessage } from '@solana/web3.js'
import { sign as naclSign } from '@ton/crypto'
import { base58 } from '@scure/base'
import { commonCases, expectedOf, hex, honest, proofCase, rawText, seedOf, sha256, type Case, type Fields, type Json, type Maker } from './base.js'
import { le, malleated, P, SMALL_ORDER } from './curve-points.js'

const MEMO = new PublicKey('MemoSq4gqABAXKb96qnH8TysNcWxMyWCqXgDLGmfcHr')
const PREFIX = 'solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp:'
const keypair = Keypair.fromSeed(seedOf('solana'))
const other = Keypair.fromSeed(seedOf('solana other'))
const wallet = `${PREFIX}${keypair.publicKey.toBase58()}`
const sign = (message: Uint8Array, signer = keypair): Buffer => naclSign(Buffer.from(message), Buffer.from(signer.secretKey))

const claims = ({ ...fields }: Fields): Json => ({ ...fields })
const siws: Maker = (fields, text = rawText('solana', fields)) => ({ ...claims(fields), form: 'siws', signature: hex(sign(Buffer.from(text))) })

/** The envelope of the off-chain message proposal, field by field. */
function envelope(text: string, change: { version?: number; domain?: Buffer; format?: number; signers?: Buffer[]; length?: number; tail?: Buffer } = {}): Buffer {
  const signers = change.signers ?? [keypair.publicKey.toBuffer()]
  const message = Buffer.from(text)
  const length = Buffer.alloc(2)
  length.writeUInt16LE(change.length ?? message.length)
  return Buffer.concat([
    Buffer.from([0xff]), Buffer.from('solana offchain'), Buffer.from([change.version ?? 0]), change.domain ?? Buffer.alloc(32),
    Buffer.from([change.format ?? 0, signers.length]), ...signers, length, message, change.tail ?? Buffer.alloc(0),
  ])
}
function shortEnvelope(text: string, format = 0): Buffer {
  const length = Buffer.alloc(2)
  length.writeUInt16LE(Buffer.byteLength(text))
  return Buffer.concat([Buffer.from([0xff]), Buffer.from('solana offchain'), Buffer.from([0, format]), length, Buffer.from(text)])
}
const wrapped = (form: string, fields: Fields, message: Uint8Array, signature = sign(message)): Json => {
  return { ...claims(fields), form, signedMessage: hex(message), signature: hex(signature) }
}
const offchain: Maker = (fields, text = rawText('solana', fields)) => wrapped('solana-offchain', fields, envelope(text))

/** A memo transaction made by web3.js. */
function memoMessage(text: string, change: { signer?: PublicKey; hash?: Uint8Array; accounts?: PublicKey[]; instructions?: TransactionInstruction[]; program?: PublicKey } = {}): Message {
  const memo = new TransactionInstruction({
    programId: change.program ?? MEMO, data: Buffer.from(text),
    keys: (change.accounts ?? [keypair.publicKey]).map((pubkey) => ({ pubkey, isSigner: true, isWritable: false })),
  })
  const transaction = new Transaction({ feePayer: change.signer ?? keypair.publicKey, recentBlockhash: base58.encode(change.hash ?? sha256(text)) } as never)
  return transaction.add(memo, ...(change.instructions ?? [])).compileMessage()
}
const memoTx: Maker = (fields, text = rawText('solana', fields)) => wrapped('solana-memo-tx', fields, memoMessage(text).serialize())

function offchainCases(fields: Fields, text: string): Case[] {
  const bytes = (code: string | undefined, name: string, message: Buffer): Case => {
    const proof = wrapped('solana-offchain', fields, message)
    const full = `solana-offchain: ${name}`
    return code === undefined ? proofCase.accept(full, proof, expectedOf(fields)) : proofCase.refuse(code, full, proof, expectedOf(fields))
  }
  return [
    bytes(undefined, 'format 1, UTF-8', envelope(text, { format: 1 })),
    bytes(undefined, 'short header of older Ledger applications', shortEnvelope(text)),
    bytes(undefined, 'short header, format 1', shortEnvelope(text, 1)),
    bytes('proof.malformed', 'format 2, which no Ledger shows', envelope(text, { format: 2 })),
    bytes('proof.malformed', 'version 1', envelope(text, { version: 1 })),
    bytes('proof.domain', 'application domain of another application', envelope(text, { domain: sha256('evil') })),
    bytes('proof.address', 'another signer in the header', envelope(text, { signers: [other.publicKey.toBuffer()] })),
    bytes('proof.malformed', 'two signers', envelope(text, { signers: [keypair.publicKey.toBuffer(), other.publicKey.toBuffer()] })),
    bytes('proof.malformed', 'no signer', envelope(text, { signers: [] })),
    bytes('proof.malformed', 'declared length too small', envelope(text, { length: 10 })),
    bytes('proof.malformed', 'declared length too large', envelope(text, { length: 1_200 })),
    bytes('proof.malformed', 'a byte behind the message', envelope(text, { tail: Buffer.alloc(1) })),
    bytes('proof.malformed', 'empty message', envelope('')),
    bytes('proof.text', 'another text', envelope(`${text}\n`)),
    bytes('proof.malformed', 'text without an envelope', Buffer.from(text)),
    bytes('proof.malformed', 'short header, format 2', shortEnvelope(text, 2)),
    bytes('proof.malformed', 'empty', Buffer.alloc(0)),
    proofCase.refuse('proof.signature', 'solana-offchain: signature over the bare text', wrapped('solana-offchain', fields, envelope(text), sign(Buffer.from(text))), expectedOf(fields)),
    proofCase.refuse('proof.signature', 'siws: signature over an envelope', { ...claims(fields), form: 'siws', signature: hex(sign(envelope(text))) }, expectedOf(fields)),
  ]
}

function memoCases(fields: Fields, text: string): Case[] {
  const bytes = (code: string | undefined, name: string, message: Uint8Array, signature = sign(message)): Case => {
    const proof = wrapped('solana-memo-tx', fields, message, signature)
    const full = `solana-memo-tx: ${name}`
    return code === undefined ? proofCase.accept(full, proof, expectedOf(fields)) : proofCase.refuse(code, full, proof, expectedOf(fields))
  }
  const good = Buffer.from(memoMessage(text).serialize())
  const edit = (offset: number, value: number): Buffer => {
    const copy = Buffer.from(good)
    copy[offset] = value
    return copy
  }
  const transfer = new TransactionInstruction({ programId: PublicKey.default, keys: [{ pubkey: keypair.publicKey, isSigner: true, isWritable: true }], data: Buffer.from([2, 0, 0, 0]) })
  const v0 = new TransactionMessage({
    payerKey: keypair.publicKey, recentBlockhash: base58.encode(sha256(text)),
    instructions: [new TransactionInstruction({ programId: MEMO, keys: [], data: Buffer.from(text) })],
  }).compileToV0Message()
  const noAccounts = memoMessage(text, { accounts: [] })
  const otherPays = memoMessage(text, { signer: other.publicKey, accounts: [other.publicKey] })
  return [
    bytes(undefined, 'memo instruction without accounts', noAccounts.serialize()),
    bytes('proof.malformed', 'two signers', memoMessage(text, { accounts: [keypair.publicKey, other.publicKey] }).serialize()),
    bytes('proof.malformed', 'a second instruction', memoMessage(text, { instructions: [transfer] }).serialize()),
    bytes('proof.malformed', 'the memo twice', memoMessage(text, { instructions: [new TransactionInstruction({ programId: MEMO, keys: [], data: Buffer.from(text) })] }).serialize()),
    bytes('proof.malformed', 'Memo v1 program', memoMessage(text, { program: new PublicKey('Memo1UhkJRfHyvLMcVucJwxXeuD728EqVDDwQDxFMNo') }).serialize()),
    bytes('proof.malformed', 'another program', memoMessage(text, { program: new PublicKey(seedOf('program')) }).serialize()),
    bytes('proof.malformed', 'version 0 without look-up tables', v0.serialize()),
    bytes('proof.malformed', 'version 0 with a look-up table', (() => {
      v0.addressTableLookups.push({ accountKey: new PublicKey(seedOf('table')), writableIndexes: [0], readonlyIndexes: [] })
      return v0.serialize()
    })()),
    bytes('proof.text', 'real-looking blockhash', memoMessage(text, { hash: seedOf('blockhash') }).serialize()),
    bytes('proof.text', 'blockhash of zeros', memoMessage(text, { hash: Buffer.alloc(32) }).serialize()),
    bytes('proof.text', 'memo with a line break more', memoMessage(`${text}\n`).serialize()),
    bytes('proof.address', 'another wallet pays and signs', otherPays.serialize(), sign(otherPays.serialize(), other)),
    bytes('proof.signature', 'signed by another wallet', good, sign(good, other)),
    bytes('proof.malformed', 'header asks for two signatures', edit(0, 2)),
    bytes('proof.malformed', 'header with a read-only signer', edit(1, 1)),
    bytes('proof.malformed', 'header without read-only accounts', edit(2, 0)),
    bytes('proof.malformed', 'instruction of the payer as program', edit(101, 0)),
    bytes('proof.malformed', 'instruction with the program as account', edit(103, 1)),
    bytes('proof.malformed', 'length of the memo in a longer form', Buffer.concat([good.subarray(0, 104), Buffer.from([(good[104] ?? 0), (good[105] ?? 0) | 0x80, 0]), good.subarray(106)])),
    bytes('proof.malformed', 'a byte behind the message', Buffer.concat([good, Buffer.alloc(1)])),
    bytes('proof.malformed', 'without its last byte', good.subarray(0, good.length - 1)),
    bytes('proof.malformed', 'whole transaction with its signature', Buffer.concat([Buffer.from([1]), sign(good), good])),
    bytes('proof.malformed', 'empty', Buffer.alloc(0)),
  ]
}

/** Keys that are addresses as far as base58 goes and prove nothing. */
function keyCases(): Case[] {
  const zeroSignature = Buffer.concat([le(1n), le(0n)])
  const at = (code: string, name: string, key: Uint8Array, signature: Uint8Array = zeroSignature): Case => {
    const fields = honest(`${PREFIX}${base58.encode(key)}`)
    return proofCase.refuse(code, `siws: ${name}`, { ...claims(fields), form: 'siws', signature: hex(signature) }, expectedOf(fields))
  }
  const negative = (bytes: Buffer): Buffer => Buffer.concat([bytes.subarray(0, 31), Buffer.from([(bytes[31] ?? 0) | 0x80])])
  const fields = honest(wallet)
  const signature = sign(Buffer.from(rawText('solana', fields)))
  const changed = (code: string, name: string, bytes: Uint8Array): Case => {
    return proofCase.refuse(code, `siws: ${name}`, { ...claims(fields), form: 'siws', signature: hex(bytes) }, expectedOf(fields))
  }
  return [
    ...SMALL_ORDER.map((point, index) => at('proof.small_order_key', `address of small order, number ${String(index)}`, point.toBytes())),
    at('proof.signature_encoding', 'address is y = p, which is 0', le(P)),
    at('proof.signature_encoding', 'address is y = p + 1, which is 1', le(P + 1n)),
    at('proof.signature_encoding', 'address is y = 2^255 - 1', le(2n ** 255n - 1n)),
    at('proof.signature_encoding', 'address is 1 with the sign of a zero set', negative(le(1n))),
    at('proof.signature_encoding', 'address is -1 with the sign of a zero set', negative(le(P - 1n))),
    at('proof.signature', 'address is no point', le(2n)),
    changed('proof.signature_encoding', 'S + L in place of S', malleated(signature)),
    changed('proof.signature_encoding', 'S is L', Buffer.concat([signature.subarray(0, 32), le(2n ** 252n + 27742317777372353535851937790883648493n)])),
    changed('proof.signature_encoding', 'all bits of S set', Buffer.concat([signature.subarray(0, 32), Buffer.alloc(32, 0xff)])),
    changed('proof.signature_encoding', 'R is y = p + 1', Buffer.concat([le(P + 1n), signature.subarray(32)])),
    changed('proof.signature_encoding', 'R is 1 with the sign of a zero set', Buffer.concat([negative(le(1n)), signature.subarray(32)])),
    changed('proof.signature', 'R is the neutral point', Buffer.concat([le(1n), signature.subarray(32)])),
    changed('proof.signature', 'R is no point', Buffer.concat([le(2n), signature.subarray(32)])),
    changed('proof.signature', 'zeros', Buffer.alloc(64)),
    changed('proof.signature', 'of another wallet', sign(Buffer.from(rawText('solana', fields)), other)),
    changed('proof.signature', 'over the text and a line break', sign(Buffer.from(`${rawText('solana', fields)}\n`))),
    changed('proof.signature', 'over the hash of the text', sign(sha256(rawText('solana', fields)))),
    changed('proof.signature', 'over the text with CRLF', sign(Buffer.from(rawText('solana', fields).replaceAll('\n', '\r\n')))),
  ]
}

/** All cases of proof-solana.json. */
export function solanaCases(): Case[] {
  const fields = honest(wallet)
  const text = rawText('solana', fields)
  const facts = { chain: 'solana', otherForm: 'adr036', bindsAccount: true } as const
  return [
    ...commonCases({ ...facts, form: 'siws', textCode: 'proof.signature' }, wallet, siws),
    ...keyCases(),
    ...commonCases({ ...facts, form: 'solana-offchain', textCode: 'proof.text' }, wallet, offchain),
    ...offchainCases(fields, text),
    ...commonCases({ ...facts, form: 'solana-memo-tx', textCode: 'proof.text' }, wallet, memoTx),
    ...memoCases(fields, text),
  ]
}
