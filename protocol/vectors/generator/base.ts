import { createHash } from 'node:crypto'

/** Bytes of a name: every seed of the vectors is SHA-256 of a text, so that anybody can make them again. */
export const seedOf = (name: string): Buffer => createHash('sha256').update(`evegram vectors: ${name}`).digest()
export const sha256 = (...parts: readonly (Uint8Array | string)[]): Buffer => {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest()
}
export const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

export const NOW_MS = Date.UTC(2026, 10, 21, 12, 0, 0)
const DAY_MS = 24 * 3_600_000

/** Everything a text says, as plain JSON values; bytes are hex. */
export interface Fields {
  wallet: string
  domain: string
  origin: string
  purpose: string
  account: string
  device: string
  logSeq: number
  logHead: string
  otherWallet?: string
  bodyHash?: string
  nonce: string
  issuedAtMs: number
  expirationTimeMs: number
}

export const CHAIN_LINES = {
  solana: ['Solana', '5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp'],
  ton: ['TON', '-239'],
  terra: ['Terra Classic', 'columbus-5'],
} as const

const SENTENCES: Record<string, string> = {
  'add-device': 'Add a device that can read and send your Evegram messages.',
  'revoke-device': 'Revoke a device: it will no longer read or send your Evegram messages.',
  'link-wallet': 'Link another wallet to your Evegram account: it will be able to add and revoke devices.',
  'unlink-wallet': 'Unlink a wallet from your Evegram account.',
  'policy': 'Change the security policy of your Evegram account.',
  'withdraw': 'Withdraw funds from your Evegram account.',
  'erase': 'Close and erase your Evegram account for ever.',
}

/** The text template written a second time and without any check, so that hostile texts can be signed and the real one is compared. */
export function rawText(chain: keyof typeof CHAIN_LINES, fields: Fields, placeholder = false): string {
  const [title, reference] = CHAIN_LINES[chain]
  const lines = [
    `${fields.domain} wants you to sign in with your ${title} account:`,
    placeholder ? 'ton_proof' : fields.wallet.slice(fields.wallet.lastIndexOf(':') + 1),
    '',
    `${SENTENCES[fields.purpose] ?? fields.purpose} Sign only at ${fields.domain}.`,
    '',
    `URI: ${fields.origin}`,
    'Version: 1',
    `Chain ID: ${reference}`,
    `Nonce: ${fields.nonce}`,
    `Issued At: ${new Date(fields.issuedAtMs).toISOString()}`,
    `Expiration Time: ${new Date(fields.expirationTimeMs).toISOString()}`,
    'Resources:',
    `- evegram:v1:purpose:${fields.purpose}`,
    `- evegram:v1:account:${placeholder ? 'ton_proof' : fields.account}`,
    `- evegram:v1:log:${String(fields.logSeq)}:${Buffer.from(fields.logHead, 'hex').toString('base64url')}`,
    `- evegram:v1:device:${fields.device}`,
  ]
  if (fields.otherWallet !== undefined) lines.push(`- evegram:v1:wallet:${fields.otherWallet}`)
  if (fields.bodyHash !== undefined) lines.push(`- evegram:v1:body:${Buffer.from(fields.bodyHash, 'hex').toString('base64url')}`)
  return lines.join('\n')
}

/** The account that a wallet founds, written a second time. */
export const accountOf = (wallet: string): string => hex(sha256('evegram/account/v1\0', wallet)).slice(0, 32)

/** Honest fields of a wallet: the first device of the account that it founds. */
export function honest(wallet: string): Fields {
  return {
    wallet, domain: 'chat.example', origin: 'https://chat.example', purpose: 'add-device', account: accountOf(wallet),
    device: '00112233445566778899aabbccddeeff', logSeq: 0, logHead: '00'.repeat(32), nonce: 'Q2FuIHlvdSByZWFkIHRoaXM0',
    issuedAtMs: NOW_MS, expirationTimeMs: NOW_MS + 600_000,
  }
}

export type Json = Record<string, unknown>
export interface Case { name: string; kind: string; valid: boolean; code?: string; [field: string]: unknown }

/** What the verifier expects for honest fields, with changes. */
export function expectedOf(fields: Fields, change: Json = {}): Json {
  const { nonce, issuedAtMs, expirationTimeMs, ...rest } = fields
  void nonce
  void expirationTimeMs
  return { ...rest, nowMs: issuedAtMs + 5_000, mode: 'server', network: 'mainnet', ...change }
}

/** Signs fields in one form; `text` replaces what the fields would say. */
export type Maker = (fields: Fields, text?: string) => Json

const accept = (name: string, proof: Json, expected: Json): Case => ({ name, kind: 'proof', valid: true, proof, expected })
const refuse = (code: string, name: string, proof: Json, expected: Json): Case => ({ name, kind: 'proof', valid: false, code, proof, expected })
export const proofCase = { accept, refuse }

/** Where a form notices that the signed text is not the one that the claims give. */
export interface FormFacts {
  readonly chain: keyof typeof CHAIN_LINES
  readonly form: string
  readonly textCode: 'proof.text' | 'proof.signature'
  readonly otherForm: string
  /** ton_proof texts hold no account. */
  readonly bindsAccount: boolean
}

const OTHER_WALLET = 'cosmos:columbus-5:terra1x46rqay4d3cssq8gxxvqz8xt6nwlz4td20k38v'
const HEAD = hex(seedOf('some head'))
const BODY = hex(seedOf('some body'))

/** Every way of lying about the fields that is the same for all forms. */
export function commonCases(facts: FormFacts, wallet: string, make: Maker): Case[] {
  const base = honest(wallet)
  const cases: Case[] = []
  const good = (name: string, fields: Partial<Fields>, expected: Json = {}): void => {
    const all = { ...base, ...fields }
    cases.push(accept(`${facts.form}: ${name}`, make(all), expectedOf(all, expected)))
  }
  /** The wallet signed `fields`; the verifier expects the honest ones. Named in the claims, and hidden behind honest claims. */
  const lie = (code: string, name: string, fields: Partial<Fields>, hidden = true, from: Fields = base): void => {
    const signed = { ...from, ...fields }
    cases.push(refuse(code, `${facts.form}: ${name}`, make(signed), expectedOf(from)))
    if (!hidden) return
    const claimed = { ...make(signed), domain: from.domain, origin: from.origin, purpose: from.purpose, account: from.account, device: from.device, logSeq: from.logSeq, logHead: from.logHead }
    const restored: Json = { ...claimed, nonce: from.nonce, issuedAtMs: from.issuedAtMs, expirationTimeMs: from.expirationTimeMs }
    for (const field of ['otherWallet', 'bodyHash'] as const) if (from[field] === undefined) delete restored[field]; else restored[field] = from[field]
    if ('tonDomainBytes' in restored) restored['tonDomainBytes'] = from.domain.length
    cases.push(refuse(facts.textCode, `${facts.form}: ${name}, behind honest claims`, restored, expectedOf(from)))
  }
  good('add a device to a new account', {})
  good('add a device to an account with entries', { logSeq: 7, logHead: HEAD })
  good('revoke a device', { purpose: 'revoke-device', logSeq: 7, logHead: HEAD })
  good('link a wallet', { purpose: 'link-wallet', otherWallet: OTHER_WALLET, logSeq: 1, logHead: HEAD })
  good('unlink a wallet', { purpose: 'unlink-wallet', otherWallet: OTHER_WALLET, logSeq: 2, logHead: HEAD })
  good('change the policy', { purpose: 'policy', bodyHash: BODY, logSeq: 2, logHead: HEAD })
  good('withdraw', { purpose: 'withdraw', bodyHash: BODY, logSeq: 2, logHead: HEAD })
  good('erase the account', { purpose: 'erase', logSeq: 2, logHead: HEAD })
  good('domain with a port on loopback', { domain: 'localhost:8080', origin: 'http://localhost:8080' })
  good('domain in punycode', { domain: 'xn--bcher-kva.example', origin: 'https://xn--bcher-kva.example' })
  good('shortest nonce', { nonce: 'a'.repeat(22) })
  good('longest nonce', { nonce: 'Z'.repeat(64) })
  good('at the last millisecond', {}, { nowMs: NOW_MS + 600_000 })
  good('issued a minute ahead of the server', {}, { nowMs: NOW_MS - 60_000 })
  good('read by a peer after 399 days', {}, { nowMs: NOW_MS + 399 * DAY_MS, mode: 'peer' })
  good('read by a peer whose clock is ten minutes behind', {}, { nowMs: NOW_MS - 600_000, mode: 'peer' })

  lie('proof.domain', 'domain with a hostile suffix', { domain: 'chat.example.evil.example' })
  lie('proof.domain', 'domain with a hostile prefix', { domain: 'evilchat.example' })
  lie('proof.domain', 'domain in punycode that looks alike', { domain: 'xn--cht-5cd.example' })
  lie('proof.domain', 'domain with a port', { domain: 'chat.example:8443' })
  lie('proof.domain', 'domain in capitals', { domain: 'Chat.Example' })
  lie('proof.domain', 'domain with a user name', { domain: 'chat.example@evil.example' })
  lie('proof.domain', 'domain with a final dot', { domain: 'chat.example.' })
  lie('proof.domain', 'domain with a path', { domain: 'chat.example/x' })
  lie('proof.domain', 'subdomain', { domain: 'a.chat.example' })
  lie('proof.domain', 'domain with a line break', { domain: 'chat.example\nchat.example' })
  lie('proof.domain', 'other origin', { origin: 'https://evil.example' })
  lie('proof.domain', 'origin over plain http', { origin: 'http://chat.example' })
  lie('proof.purpose', 'other purpose', { purpose: 'erase' })
  lie('proof.account', 'account of another wallet', { account: accountOf(OTHER_WALLET) }, facts.bindsAccount)
  lie('proof.device', 'other device', { device: 'ffeeddccbbaa99887766554433221100' })
  lie('proof.log', 'older state of the log', { logSeq: 3, logHead: HEAD })
  lie('proof.log', 'same number, other head', { logHead: HEAD })
  const linking = { ...base, purpose: 'link-wallet', otherWallet: OTHER_WALLET }
  lie('proof.other_wallet', 'another second wallet', { otherWallet: `solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp:${'1'.repeat(32)}` }, true, linking)
  lie('proof.body', 'another policy', { bodyHash: HEAD }, true, { ...base, purpose: 'policy', bodyHash: BODY })

  const signed = make(base)
  const bad = (code: string, name: string, proof: Json, expected: Json = expectedOf(base)): void => {
    cases.push(refuse(code, `${facts.form}: ${name}`, proof, expected))
  }
  bad(facts.textCode, 'signed with another nonce', { ...signed, nonce: 'a'.repeat(24) })
  bad(facts.textCode, 'signed with another time of issue', { ...signed, issuedAtMs: NOW_MS + 1 })
  bad(facts.textCode, 'signed with another expiration time', { ...signed, expirationTimeMs: NOW_MS + 599_999 })
  bad('proof.expired', 'a millisecond after the expiration time', signed, expectedOf(base, { nowMs: NOW_MS + 600_001 }))
  bad('proof.not_yet_valid', 'issued more than a minute ahead of the server', signed, expectedOf(base, { nowMs: NOW_MS - 60_001 }))
  bad('proof.expired', 'read by a peer after 401 days', signed, expectedOf(base, { nowMs: NOW_MS + 401 * DAY_MS, mode: 'peer' }))
  bad('proof.not_yet_valid', 'issued more than ten minutes ahead of a peer', signed, expectedOf(base, { nowMs: NOW_MS - 600_001, mode: 'peer' }))
  bad('proof.malformed', 'life of more than ten minutes', make({ ...base, expirationTimeMs: NOW_MS + 600_001 }))
  bad('proof.malformed', 'expires when it is issued', make({ ...base, expirationTimeMs: NOW_MS }), expectedOf(base, { nowMs: NOW_MS }))
  bad('proof.malformed', 'nonce of 21 characters', make({ ...base, nonce: 'a'.repeat(21) }))
  bad('proof.malformed', 'nonce of 65 characters', make({ ...base, nonce: 'a'.repeat(65) }))
  bad('proof.malformed', 'nonce with a line break', make({ ...base, nonce: `${'a'.repeat(24)}\nIssued At: 2026-11-21T12:00:00.000Z` }))
  bad('proof.malformed', 'nonce with a letter outside ASCII', make({ ...base, nonce: `${'a'.repeat(23)}\u00e9` }))
  bad('proof.network', 'expected on the test network', signed, expectedOf(base, { network: 'testnet' }))
  bad('proof.form', 'called by a form of another chain', facts.otherForm === 'siws' ? { ...common(signed), form: 'siws' } : { ...common(signed), form: 'adr036', publicKey: '02'.padEnd(66, '1') })
  bad('proof.form', 'unknown form', { ...signed, form: 'eip4361' })
  bad('proof.malformed', 'no form', { ...signed, form: undefined })
  bad('proof.malformed', 'unknown field', { ...signed, extra: 1 })
  bad('proof.malformed', 'no signature', { ...signed, signature: undefined })
  bad('proof.malformed', 'unknown purpose', { ...signed, purpose: 'add-devices' })
  bad('proof.malformed', 'short head', { ...signed, logHead: '00'.repeat(31) })
  bad('proof.malformed', 'negative number of the log', { ...signed, logSeq: -1 })
  bad('proof.malformed', 'wallet id in capitals', { ...signed, wallet: String(signed['wallet']).toUpperCase() })
  bad('proof.malformed', 'signature of 4 KiB', { ...signed, signature: '00'.repeat(4_096) })
  const signature = Buffer.from(String(signed['signature']), 'hex')
  const changed = (edit: (bytes: Buffer) => Uint8Array): Json => ({ ...signed, signature: hex(edit(Buffer.from(signature))) })
  bad('proof.signature_encoding', 'signature without its last byte', changed((bytes) => bytes.subarray(0, 63)))
  bad('proof.signature_encoding', 'signature with a byte more', changed((bytes) => Buffer.concat([bytes, Buffer.alloc(1)])))
  bad('proof.signature_encoding', 'empty signature', changed(() => Buffer.alloc(0)))
  bad('proof.signature', 'flipped bit in the second half of the signature', changed((bytes) => {
    bytes[40] = (bytes[40] ?? 0) ^ 1
    return bytes
  }))
  return cases
}

const FORM_FIELDS = new Set(['signedMessage', 'stateInit', 'tonTimestamp', 'tonDomainBytes', 'publicKey'])
/** A proof without the fields of its form. */
function common(proof: Json): Json {
  return Object.fromEntries(Object.entries(proof).filter(([name]) => !FORM_FIELDS.has(name)))
}
