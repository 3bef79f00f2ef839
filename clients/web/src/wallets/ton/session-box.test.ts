import { bytesOfHex } from '@evegram/protocol'
import nacl from 'tweetnacl'
import { describe, expect, it } from 'vitest'
import { SEALED_BYTES_MAX, SessionBox } from './session-box.js'

const system = { randomBytes: (count: number) => globalThis.crypto.getRandomValues(new Uint8Array(count)) }

describe('one side of a session of TON Connect', () => {
  it('seals as the specification says: a random nonce, then the box', () => {
    const page = new SessionBox(system)
    const wallet = nacl.box.keyPair()
    const seal = (): Uint8Array => page.seal('{"method":"disconnect"}', Buffer.from(wallet.publicKey).toString('hex'))
    const [first, second] = [seal(), seal()]
    expect(Buffer.from(first.subarray(0, 24)).equals(second.subarray(0, 24))).toBe(false)
    const opened = nacl.box.open(first.subarray(24), first.subarray(0, 24), bytesOfHex(page.clientId), wallet.secretKey)
    expect(Buffer.from(opened ?? []).toString()).toBe('{"method":"disconnect"}')
  })

  it('opens what the other side sealed for it, and nothing else', () => {
    const [page, wallet, stranger] = [new SessionBox(system), new SessionBox(system), new SessionBox(system)]
    const sealed = wallet.seal('{"event":"connect"}', page.clientId)
    expect(page.open(sealed, wallet.clientId)).toBe('{"event":"connect"}')
    expect(page.open(sealed, stranger.clientId)).toBeUndefined()
    expect(stranger.open(sealed, wallet.clientId)).toBeUndefined()
    for (let at = 0; at < sealed.length; at++) expect(page.open(sealed.map((byte, index) => (index === at ? byte ^ 1 : byte)), wallet.clientId)).toBeUndefined()
    for (const [part, from] of [[sealed.subarray(0, 24), wallet.clientId], [new Uint8Array(SEALED_BYTES_MAX + 1), wallet.clientId], [sealed, 'no id']] as const) expect(page.open(part, from)).toBeUndefined()
  })
})
