import { Address } from '@ton/core'
import { Keypair } from '@solana/web3.js'
import { Secp256k1Wallet } from '@cosmjs/amino'
import { base58, bech32 } from '@scure/base'
import { hex, honest, NOW_MS, rawText, seedOf, type Case, type Fields } from './base.js'

const SOLANA = 'solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp:'

function textCases(wallets: Record<'solana' | 'ton' | 'terra', string>): Case[] {
  const HEAD = hex(seedOf('some head'))
  const good = (name: string, chain: 'solana' | 'ton' | 'terra', change: Partial<Fields> = {}, placeholder = false): Case => {
    const fields = { ...honest(wallets[chain]), ...change }
    return { name, kind: 'text', valid: true, fields: { ...fields, ...(placeholder ? { wallet: 'ton_proof' } : {}) }, text: rawText(chain, fields, placeholder) }
  }
  const bad = (name: string, change: Partial<Record<keyof Fields, unknown>>, code = 'invalid.argument'): Case => {
    const fields = { ...honest(wallets.solana), ...change } as Fields
    return { name, kind: 'text', valid: false, code, fields, text: rawText('solana', fields) }
  }
  const purposes = ['add-device', 'revoke-device', 'erase'] as const
  return [
    ...(['solana', 'ton', 'terra'] as const).flatMap((chain) => purposes.map((purpose) => good(`${chain}, ${purpose}`, chain, { purpose, logSeq: 4, logHead: HEAD }))),
    good('ton_proof placeholder', 'ton', {}, true),
    good('link-wallet names the other wallet', 'solana', { purpose: 'link-wallet', otherWallet: wallets.ton }),
    good('unlink-wallet names the wallet that goes', 'terra', { purpose: 'unlink-wallet', otherWallet: wallets.solana }),
    good('policy carries the hash of the policy', 'terra', { purpose: 'policy', bodyHash: HEAD }),
    good('withdraw carries the hash of the order', 'ton', { purpose: 'withdraw', bodyHash: HEAD }),
    good('loopback with a port', 'solana', { domain: 'localhost:8080', origin: 'http://localhost:8080' }),
    good('IPv6', 'solana', { domain: '[2001:db8::1]:8443', origin: 'https://[2001:db8::1]:8443' }),
    good('first millisecond of 1970', 'solana', { issuedAtMs: 0, expirationTimeMs: 1 }),
    bad('line break in the domain', { domain: 'chat.example\nURI: https://evil.example' }),
    bad('carriage return in the domain', { domain: 'chat.example\r' }),
    bad('capitals in the domain', { domain: 'Chat.example' }),
    bad('user name in the domain', { domain: 'user@chat.example' }),
    bad('space in the domain', { domain: 'chat.example evil.example' }),
    bad('letter outside ASCII in the domain', { domain: 'ch\u0430t.example' }),
    bad('default port in the domain', { domain: 'chat.example:0443' }),
    bad('127.0.0.1 is written localhost', { domain: '127.0.0.1:8080' }),
    bad('empty domain', { domain: '' }),
    bad('domain of 300 characters', { domain: `${'a.'.repeat(146)}example` }),
    bad('origin with a path', { origin: 'https://chat.example/' }),
    bad('origin without a scheme', { origin: 'chat.example' }),
    bad('origin with the default port', { origin: 'https://chat.example:443' }),
    bad('account in capitals', { account: 'A'.repeat(32) }, 'invalid.id'),
    bad('short device', { device: '00' }, 'invalid.id'),
    bad('number of the log with a fraction', { logSeq: 1e9 }),
    bad('nonce with punctuation', { nonce: `${'a'.repeat(24)}-` }),
    bad('nonce with a line break', { nonce: `${'a'.repeat(24)}\n` }),
    bad('life of more than ten minutes', { expirationTimeMs: NOW_MS + 600_001 }),
    bad('a second wallet for a purpose that has none', { otherWallet: wallets.ton }),
    bad('no second wallet for link-wallet', { purpose: 'link-wallet' }),
    bad('no body for policy', { purpose: 'policy' }),
    bad('a body for a purpose that has none', { bodyHash: HEAD }),
    bad('wallet id of another spelling', { wallet: `ton:-239:${Address.parse(wallets.ton.slice(9)).toString()}` }, 'invalid.address'),
  ]
}

function urlCases(): Case[] {
  const good = (url: string, origin: string): Case => ({ name: `URL ${url}`, kind: 'url', valid: true, url, domain: origin.slice(origin.indexOf('//') + 2), origin })
  const bad = (url: string): Case => ({ name: `URL ${url.slice(0, 80)}`, kind: 'url', valid: false, code: 'invalid.argument', url, domain: 'chat.example', origin: 'https://chat.example' })
  return [
    good('https://chat.example', 'https://chat.example'), good('https://Chat.Example/', 'https://chat.example'), good('HTTPS://chat.example:443/a?b#c', 'https://chat.example'),
    good('http://chat.example:80', 'http://chat.example'), good('https://chat.example:8443', 'https://chat.example:8443'), good('https://chat.example:80', 'https://chat.example:80'),
    good('wss://chat.example/socket', 'https://chat.example'), good('ws://localhost:8081', 'http://localhost:8081'), good('http://127.0.0.1:8080', 'http://localhost:8080'),
    good('http://[::1]:8080/x', 'http://localhost:8080'), good('http://LOCALHOST', 'http://localhost'), good('https://xn--bcher-kva.example', 'https://xn--bcher-kva.example'),
    good('https://192.168.0.1:8443', 'https://192.168.0.1:8443'), good('https://[2001:DB8::1]', 'https://[2001:db8::1]'), good('https://chat.example?x', 'https://chat.example'),
    bad('https://user@chat.example'), bad('https://user:secret@chat.example'), bad('https://chat.example@evil.example'), bad('https://chat.example\\@evil.example'),
    bad('chat.example'), bad('ftp://chat.example'), bad('https://'), bad('https://b\u00fccher.example'), bad('https://chat.example:0'), bad('https://chat.example:65536'), bad('https://chat.example:'),
    bad('https://chat..example'), bad('https://-chat.example'), bad('https://chat.example.'), bad('http://127.1:8080'), bad('http://0x7f.0.0.1'), bad('http://2130706433'), bad('http://0177.0.0.1'),
    bad('https://chat example'), bad('https://chat.example\nevil'), bad(' https://chat.example'), bad('https://[::1'), bad('https://%63hat.example'), bad(`https://${'a'.repeat(3_000)}`),
  ]
}

function addressCases(solana: string, ton: Address, terra: string): Case[] {
  const printed = ton.toString({ bounceable: false })
  const good = (text: string, wallet: string, name: string, network = 'mainnet'): Case => ({ name: `address ${name}`, kind: 'address', valid: true, network, text, wallet, address: wallet.slice(wallet.lastIndexOf(':') + 1) })
  const bad = (text: string, name: string, code = 'invalid.address'): Case => ({ name: `address ${name}`, kind: 'address', valid: false, code, network: 'mainnet', text, wallet: '', address: '' })
  const flip = (text: string, at: number): string => `${text.slice(0, at)}${text[at] === 'a' ? 'b' : 'a'}${text.slice(at + 1)}`
  const words = (bytes: Uint8Array): number[] => bech32.toWords(bytes)
  const tonId = `ton:-239:${printed}`
  const masterchain = new Address(-1, ton.hash)
  return [
    good(solana, `${SOLANA}${solana}`, 'Solana'), good('1'.repeat(32), `${SOLANA}${'1'.repeat(32)}`, 'Solana, system program'), good(` ${solana}\n`, `${SOLANA}${solana}`, 'Solana with blanks around it'),
    good(printed, tonId, 'TON UQ'), good(ton.toString(), tonId, 'TON EQ'), good(ton.toString({ urlSafe: false }), tonId, 'TON EQ, other base64'), good(ton.toString({ urlSafe: false, bounceable: false }), tonId, 'TON UQ, other base64'),
    good(ton.toRawString(), tonId, 'TON raw'), good(ton.toRawString().toUpperCase(), tonId, 'TON raw in capitals'),
    good(masterchain.toRawString(), `ton:-239:${masterchain.toString({ bounceable: false })}`, 'TON masterchain raw'), good(masterchain.toString(), `ton:-239:${masterchain.toString({ bounceable: false })}`, 'TON masterchain'),
    good(ton.toString({ testOnly: true }), `ton:-3:${ton.toString({ testOnly: true, bounceable: false })}`, 'TON on the test network', 'testnet'),
    good(printed, `ton:-3:${ton.toString({ testOnly: true, bounceable: false })}`, 'TON without the flag on the test network', 'testnet'),
    good(terra, `cosmos:columbus-5:${terra}`, 'Terra Classic'), good(terra.toUpperCase(), `cosmos:columbus-5:${terra}`, 'Terra Classic in capitals'), good(terra, `cosmos:rebel-2:${terra}`, 'Terra Classic on the test network', 'testnet'),
    bad('', 'empty'), bad('   ', 'blank'), bad('x'.repeat(200), 'of 200 characters'), bad(`${solana}${solana}`, 'twice'),
    bad(base58.encode(seedOf('x').subarray(0, 31)), 'Solana of 31 bytes'), bad(base58.encode(Buffer.concat([seedOf('x'), Buffer.from([1])])), 'Solana of 33 bytes'), bad(`0${solana.slice(1)}`, 'Solana with a zero'), bad('0x52908400098527886E0F7030069857D2E4169EE7', 'Ethereum'),
    bad(ton.toString({ testOnly: true }), 'TON with the test flag'), bad(ton.toString({ testOnly: true, bounceable: false }), 'TON 0Q with the test flag'), bad(flip(printed, 20), 'TON with another letter'), bad(printed.slice(0, 47), 'TON of 47 characters'), bad(`${printed}A`, 'TON of 49 characters'),
    bad(`1:${hex(ton.hash)}`, 'TON workchain 1'), bad(`-0:${hex(ton.hash)}`, 'TON workchain minus zero'), bad(`0:${hex(ton.hash).slice(2)}`, 'TON raw, short'), bad(`00:${hex(ton.hash)}`, 'TON workchain with two zeros'), bad(new Address(5, ton.hash).toString(), 'TON friendly, workchain 5'),
    bad(flip(terra, 20), 'Terra with another letter'), bad(bech32.encode('terra', words(seedOf('contract'))), 'Terra contract', 'proof.wallet_unsupported'), bad(bech32.encode('terra', words(seedOf('x').subarray(0, 19))), 'Terra of 19 bytes'),
    bad(bech32.encode('terravaloper', words(seedOf('x').subarray(0, 20))), 'Terra validator'), bad(bech32.encode('osmo', words(seedOf('x').subarray(0, 20))), 'Osmosis'), bad(`T${terra.slice(1)}`, 'Terra with mixed letters'),
  ]
}

/** All cases of proof-text.json. */
export async function textAndNameCases(): Promise<Case[]> {
  const solana = Keypair.fromSeed(seedOf('solana')).publicKey.toBase58()
  const ton = new Address(0, seedOf('ton address'))
  const [{ address: terra = '' } = {}] = await (await Secp256k1Wallet.fromKey(seedOf('terra'), 'terra')).getAccounts()
  const wallets = { solana: `${SOLANA}${solana}`, ton: `ton:-239:${ton.toString({ bounceable: false })}`, terra: `cosmos:columbus-5:${terra}` }
  return [...textCases(wallets), ...urlCases(), ...addressCases(solana, ton, terra)]
}
