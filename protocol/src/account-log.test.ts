import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { deviceActor, LogStory, primitives, SITE, solanaWallet, START_MS, terraWallet } from '../vectors/actors.js'
import { applyEntry, verifyLog } from './account-log.js'
import { draftEntry, sealEntry } from './account-log-draft.js'
import { decodeEntry, emptyHead, encodeEntry, entryHash, headOf, type LogEntry, type LogProof } from './account-log-entry.js'
import { policyBodyHash } from './account-log-proofs.js'
import { activeDevices, activeWallets, emptyAccountState, isAttestationFresh } from './account-log-state.js'
import { encodeCbor } from './cbor.js'
import { isErrorCode, isEvegramError } from './errors.js'
import { accountIdOf } from './ids.js'
import { LIMITS } from './limits.js'

const alice = solanaWallet('alice')
const aliceTerra = terraWallet('alice')
const mallory = solanaWallet('mallory')
const phone = deviceActor('alice phone')
const laptop = deviceActor('alice laptop')
const ghost = deviceActor('mallory ghost')

function begun(): LogStory {
  const story = new LogStory(alice)
  expect(story.addDevice(phone)).toMatchObject({ status: 'applied' })
  return story
}

function linked(): LogStory {
  const story = begun()
  expect(story.linkWallet(aliceTerra, phone)).toMatchObject({ status: 'applied' })
  return story
}

const refusedWith = (code: string): object => ({ status: 'refused', code })

describe('the first entry of an account log', () => {
  it('founds the account with a wallet and a device', () => {
    const { state } = begun()
    expect(state).toMatchObject({ seq: 1, foundingWallet: alice.walletId, approveDevices: false, closed: false, account: accountIdOf(alice.walletId) })
    expect(activeDevices(state)).toEqual([phone.device])
    expect(activeWallets(state)).toEqual([alice.walletId])
    expect(state.devices.get(phone.device)).toMatchObject({ ...phone.addition, addedSeq: 1, attestedAtMs: START_MS, active: true })
  })

  it('can only add a device', () => {
    const story = new LogStory(alice)
    const proofs = [story.prove(alice, 'policy', phone.device, { bodyHash: policyBodyHash({ approveDevices: true }) })]
    expect(story.offer(story.draft('policy', { approveDevices: true }), proofs)).toMatchObject(refusedWith('account.log_invalid'))
    expect(story.offer(story.draft('closed', {}), [story.prove(alice, 'erase', phone.device)])).toMatchObject(refusedWith('account.log_invalid'))
  })

  it('refuses a wallet that the account id does not belong to', () => {
    const story = new LogStory(alice)
    expect(story.addDevice(ghost, mallory)).toMatchObject(refusedWith('account.mismatch'))
  })

  it('refuses an approval, since nobody is there to give it', () => {
    const story = new LogStory(alice)
    expect(story.addDevice(phone, alice, laptop)).toMatchObject(refusedWith('account.device_unknown'))
  })
})

describe('device.add', () => {
  it('accepts a second device by the founding wallet and a third by a linked one', () => {
    const story = linked()
    expect(story.addDevice(laptop)).toMatchObject({ status: 'applied' })
    expect(story.addDevice(deviceActor('alice tablet'), aliceTerra)).toMatchObject({ status: 'applied' })
    expect(activeDevices(story.state)).toHaveLength(3)
  })

  it('refuses a wallet that is not in the account', () => {
    expect(begun().addDevice(ghost, mallory)).toMatchObject(refusedWith('account.wallet_unknown'))
  })

  it('refuses keys whose owner did not sign: nobody attests the keys of another', () => {
    const story = new LogStory(mallory)
    const draft = story.draft('device.add', phone.addition)
    const wallet = story.prove(mallory, 'add-device', phone.device)
    const signed = (actor: typeof ghost, type: 'identity-key' | 'signing-key'): LogProof => {
      const proof = type === 'identity-key' ? actor.identityProof(draft) : actor.signingProof(draft)
      if (proof.type === 'wallet') throw new Error('not a key proof')
      return { ...proof, device: phone.device }
    }
    expect(story.offer(draft, [wallet, signed(ghost, 'identity-key'), phone.signingProof(draft)])).toMatchObject(refusedWith('proof.signature'))
    expect(story.offer(draft, [wallet, phone.identityProof(draft), signed(ghost, 'signing-key')])).toMatchObject(refusedWith('proof.signature'))
    expect(story.offer(draft, [wallet, phone.identityProof(draft)])).toMatchObject(refusedWith('proof.missing'))
    expect(story.offer(draft, [wallet, phone.signingProof(draft), phone.signingProof(draft)])).toMatchObject(refusedWith('proof.missing'))
  })

  it('refuses a signature too many', () => {
    const story = begun()
    const draft = story.draft('device.add', laptop.addition)
    const proofs = [story.prove(alice, 'add-device', laptop.device), laptop.identityProof(draft), laptop.signingProof(draft), phone.signingProof(draft)]
    expect(story.offer(draft, proofs)).toMatchObject(refusedWith('proof.missing'))
    expect(story.offer(draft, [...proofs.slice(0, 3), story.prove(alice, 'add-device', laptop.device)])).toMatchObject(refusedWith('proof.missing'))
  })

  it('renews the attestation of an active device and keeps the rest', () => {
    const story = begun()
    story.nowMs += LIMITS.attestationMs / 2
    expect(story.addDevice(phone)).toMatchObject({ status: 'applied' })
    expect(story.state.devices.size).toBe(1)
    expect(story.state.devices.get(phone.device)).toMatchObject({ addedSeq: 1, attestedAtMs: START_MS + 60_000 + LIMITS.attestationMs / 2 })
  })

  it('refuses a renewal with another registration id', () => {
    const story = begun()
    const draft = story.draft('device.add', { ...phone.addition, registrationId: 7 })
    const proofs = [story.prove(alice, 'add-device', phone.device), phone.identityProof(draft), phone.signingProof(draft)]
    expect(story.offer(draft, proofs)).toMatchObject(refusedWith('account.log_invalid'))
  })

  it('stops at the limit of active devices, and goes on after a revocation', () => {
    const story = begun()
    const actors = Array.from({ length: LIMITS.devicesPerAccountMax }, (_, index) => deviceActor(`number ${String(index)}`))
    for (const actor of actors.slice(1)) expect(story.addDevice(actor)).toMatchObject({ status: 'applied' })
    expect(story.addDevice(laptop)).toMatchObject(refusedWith('account.device_limit'))
    expect(story.addDevice(phone)).toMatchObject({ status: 'applied' })
    const draft = story.draft('device.revoke', { device: phone.device })
    story.append(draft, [phone.signingProof(draft)])
    expect(story.addDevice(laptop)).toMatchObject({ status: 'applied' })
  })
})

describe('device.revoke', () => {
  it('is done by an active wallet or by the device itself, and for ever', () => {
    const story = begun()
    story.addDevice(laptop)
    story.append(story.draft('device.revoke', { device: laptop.device }), [story.prove(alice, 'revoke-device', laptop.device)])
    expect(activeDevices(story.state)).toEqual([phone.device])
    expect(story.addDevice(laptop)).toMatchObject(refusedWith('account.device_revoked'))
    const own = story.draft('device.revoke', { device: phone.device })
    story.append(own, [phone.signingProof(own)])
    expect(activeDevices(story.state)).toEqual([])
  })

  it('is refused by another device, by a strange wallet, for an unknown device and for one revoked before', () => {
    const story = begun()
    story.addDevice(laptop)
    const draft = story.draft('device.revoke', { device: laptop.device })
    expect(story.offer(draft, [phone.signingProof(draft)])).toMatchObject(refusedWith('proof.missing'))
    expect(story.offer(draft, [story.prove(mallory, 'revoke-device', laptop.device)])).toMatchObject(refusedWith('account.wallet_unknown'))
    expect(story.offer(draft, [story.prove(alice, 'revoke-device', phone.device)])).toMatchObject(refusedWith('proof.device'))
    expect(story.offer(draft, [])).toMatchObject(refusedWith('proof.missing'))
    const unknown = story.draft('device.revoke', { device: ghost.device })
    expect(story.offer(unknown, [story.prove(alice, 'revoke-device', ghost.device)])).toMatchObject(refusedWith('account.device_unknown'))
    story.append(draft, [story.prove(alice, 'revoke-device', laptop.device)])
    const again = story.draft('device.revoke', { device: laptop.device })
    expect(story.offer(again, [story.prove(alice, 'revoke-device', laptop.device)])).toMatchObject(refusedWith('account.device_unknown'))
  })
})

describe('wallet.link and wallet.unlink', () => {
  it('links a wallet of another chain with the proofs of both', () => {
    expect(activeWallets(linked().state)).toEqual([alice.walletId, aliceTerra.walletId])
  })

  it('refuses a forged link: one proof, the founding wallet left out, or a proof that names another wallet', () => {
    const story = begun()
    const draft = story.draft('wallet.link', { wallet: mallory.walletId })
    const own = story.prove(alice, 'link-wallet', phone.device, { otherWallet: mallory.walletId })
    const others = story.prove(mallory, 'link-wallet', phone.device, { otherWallet: alice.walletId })
    expect(story.offer(draft, [others])).toMatchObject(refusedWith('proof.missing'))
    expect(story.offer(draft, [others, others])).toMatchObject(refusedWith('proof.missing'))
    const forTerra = story.prove(alice, 'link-wallet', phone.device, { otherWallet: aliceTerra.walletId })
    expect(story.offer(draft, [forTerra, others])).toMatchObject(refusedWith('proof.other_wallet'))
    const wrongWay = story.prove(mallory, 'link-wallet', phone.device, { otherWallet: aliceTerra.walletId })
    expect(story.offer(draft, [own, wrongWay])).toMatchObject(refusedWith('proof.other_wallet'))
    const strangeDevice = story.prove(alice, 'link-wallet', ghost.device, { otherWallet: mallory.walletId })
    expect(story.offer(draft, [strangeDevice, others])).toMatchObject(refusedWith('account.device_unknown'))
    expect(story.offer(draft, [own, others, others])).toMatchObject(refusedWith('proof.missing'))
  })

  it('refuses a wallet that is in the account already, the founding one too', () => {
    const story = linked()
    expect(story.linkWallet(aliceTerra, phone)).toMatchObject(refusedWith('account.wallet_taken'))
    expect(story.linkWallet(alice, phone)).toMatchObject(refusedWith('account.wallet_taken'))
  })

  it('stops at the limit of wallets', () => {
    const story = begun()
    for (let index = 1; index < LIMITS.walletsPerAccountMax; index++) {
      expect(story.linkWallet(solanaWallet(`number ${String(index)}`), phone)).toMatchObject({ status: 'applied' })
    }
    expect(story.linkWallet(aliceTerra, phone)).toMatchObject(refusedWith('account.wallet_limit'))
  })

  it('unlinks by the founding wallet or by the wallet itself, after which it adds no device; it may be linked again', () => {
    for (const signer of [alice, aliceTerra]) {
      const story = linked()
      const draft = story.draft('wallet.unlink', { wallet: aliceTerra.walletId })
      story.append(draft, [story.prove(signer, 'unlink-wallet', phone.device, { otherWallet: aliceTerra.walletId })])
      expect(activeWallets(story.state)).toEqual([alice.walletId])
      expect(story.addDevice(laptop, aliceTerra)).toMatchObject(refusedWith('account.wallet_unknown'))
      expect(story.linkWallet(aliceTerra, phone)).toMatchObject({ status: 'applied' })
      expect(story.state.wallets.get(aliceTerra.walletId)).toEqual({ active: true, linkedAtSeq: 4 })
    }
  })

  it('never removes the founding wallet, and lets no other wallet remove one', () => {
    const story = linked()
    story.linkWallet(mallory, phone)
    const founding = story.draft('wallet.unlink', { wallet: alice.walletId })
    const proof = story.prove(alice, 'unlink-wallet', phone.device, { otherWallet: alice.walletId })
    expect(story.offer(founding, [proof])).toMatchObject(refusedWith('account.founding_wallet'))
    const other = story.draft('wallet.unlink', { wallet: aliceTerra.walletId })
    const byMallory = story.prove(mallory, 'unlink-wallet', phone.device, { otherWallet: aliceTerra.walletId })
    expect(story.offer(other, [byMallory])).toMatchObject(refusedWith('account.wallet_unknown'))
    const forAnother = story.prove(alice, 'unlink-wallet', phone.device, { otherWallet: mallory.walletId })
    expect(story.offer(other, [forAnother])).toMatchObject(refusedWith('proof.other_wallet'))
    const unknown = story.draft('wallet.unlink', { wallet: solanaWallet('nobody').walletId })
    expect(story.offer(unknown, [byMallory])).toMatchObject(refusedWith('account.wallet_unknown'))
  })
})

describe('policy', () => {
  function careful(): LogStory {
    const story = begun()
    const proof = story.prove(alice, 'policy', phone.device, { bodyHash: policyBodyHash({ approveDevices: true }) })
    story.append(story.draft('policy', { approveDevices: true }), [proof])
    return story
  }

  it('makes new devices need the signature of an active one', () => {
    const story = careful()
    expect(story.addDevice(laptop)).toMatchObject(refusedWith('account.policy'))
    expect(story.addDevice(laptop, alice, ghost)).toMatchObject(refusedWith('account.device_unknown'))
    expect(story.addDevice(laptop, alice, laptop)).toMatchObject(refusedWith('account.device_unknown'))
    expect(story.addDevice(laptop, alice, phone)).toMatchObject({ status: 'applied' })
    expect(story.state.devices.get(laptop.device)?.approvedBy).toBe(phone.device)
  })

  it('is not satisfied by naming the approver: the approver must sign', () => {
    const story = careful()
    const draft = story.draft('device.add', { ...laptop.addition, approvedBy: phone.device })
    const proofs = [story.prove(alice, 'add-device', laptop.device), laptop.identityProof(draft), laptop.signingProof(draft)]
    expect(story.offer(draft, proofs)).toMatchObject(refusedWith('proof.missing'))
    const forged: LogProof = { type: 'signing-key', device: phone.device, signature: laptop.sign(entryHash(draft)) }
    expect(story.offer(draft, [...proofs, forged])).toMatchObject(refusedWith('proof.signature'))
  })

  it('lets a device renew without approval', () => {
    expect(careful().addDevice(phone)).toMatchObject({ status: 'applied' })
  })

  it('keeps the approval of a device that renews', () => {
    const story = careful()
    story.addDevice(laptop, alice, phone)
    story.addDevice(laptop)
    expect(story.state.devices.get(laptop.device)?.approvedBy).toBe(phone.device)
  })

  it('binds the value that the wallet allowed', () => {
    const story = careful()
    const proof = story.prove(alice, 'policy', phone.device, { bodyHash: policyBodyHash({ approveDevices: true }) })
    expect(story.offer(story.draft('policy', { approveDevices: false }), [proof])).toMatchObject(refusedWith('proof.body'))
  })
})

describe('closed', () => {
  it('is done by the founding wallet alone, ends every device and refuses everything after it', () => {
    const story = linked()
    expect(story.offer(story.draft('closed', {}), [story.prove(aliceTerra, 'erase', phone.device)])).toMatchObject(refusedWith('account.wallet_unknown'))
    story.append(story.draft('closed', {}), [story.prove(alice, 'erase', phone.device)])
    expect(story.state.closed).toBe(true)
    expect(activeDevices(story.state)).toEqual([])
    expect(story.addDevice(laptop)).toMatchObject(refusedWith('account.closed'))
    expect(story.offer(story.draft('closed', {}), [story.prove(alice, 'erase', phone.device)])).toMatchObject(refusedWith('account.closed'))
  })
})

describe('the place of an entry', () => {
  it('must be behind the head: a race is told to the server, a peer calls the log invalid', () => {
    const story = begun()
    const late = story.draft('device.add', laptop.addition)
    const proofs = [story.prove(alice, 'add-device', laptop.device), laptop.identityProof(late), laptop.signingProof(late)]
    story.addDevice(deviceActor('alice tablet'))
    expect(story.offer(late, proofs)).toMatchObject(refusedWith('conflict.log_head'))
    expect(story.offer(late, proofs, { mode: 'peer' })).toMatchObject(refusedWith('account.log_invalid'))
  })

  it('cannot be claimed in a fork: same number, other head', () => {
    const story = begun()
    const draft = { ...story.draft('device.add', laptop.addition), prev: emptyHead() }
    const proofs = [story.prove(alice, 'add-device', laptop.device), laptop.identityProof(draft), laptop.signingProof(draft)]
    expect(story.offer(draft, proofs)).toMatchObject(refusedWith('conflict.log_head'))
  })

  it('belongs to one account', () => {
    const story = begun()
    expect(applyEntry(emptyAccountState(accountIdOf(mallory.walletId)), story.entries[0] ?? new Uint8Array(), story.context))
      .toMatchObject(refusedWith('account.mismatch'))
  })

  it('ends at the largest log', () => {
    const story = begun()
    const full = { ...story.state, seq: LIMITS.logEntriesMax }
    const draft = draftEntry(full, 'device.revoke', { device: phone.device }, story.nowMs)
    const { bytes } = sealEntry(draft, [phone.signingProof(draft)])
    expect(applyEntry(full, bytes, story.context)).toMatchObject(refusedWith('account.log_full'))
    expect(applyEntry({ ...full, seq: full.seq - 1 }, sealEntry({ ...draft, seq: full.seq }, []).bytes, story.context)).toMatchObject(refusedWith('proof.missing'))
  })
})

describe('the proofs of an entry', () => {
  it('act on one state of the log: an old proof is refused', () => {
    const story = begun()
    const old = story.prove(alice, 'revoke-device', phone.device)
    story.addDevice(laptop)
    expect(story.offer(story.draft('device.revoke', { device: phone.device }), [old])).toMatchObject(refusedWith('proof.log'))
  })

  it('are for one purpose and one domain', () => {
    const story = begun()
    const draft = story.draft('device.revoke', { device: phone.device })
    expect(story.offer(draft, [story.prove(alice, 'add-device', phone.device)])).toMatchObject(refusedWith('proof.purpose'))
    const elsewhere = story.prove(alice, 'revoke-device', phone.device, { domain: 'chat.example.evil.example' })
    expect(story.offer(draft, [elsewhere])).toMatchObject(refusedWith('proof.domain'))
  })

  it('expire for the server and not for a peer', () => {
    const story = begun()
    const draft = story.draft('device.revoke', { device: phone.device })
    const proof = story.prove(alice, 'revoke-device', phone.device)
    const laterMs = story.nowMs + LIMITS.challengeMs
    expect(story.offer(draft, [proof], { nowMs: laterMs + 1 })).toMatchObject(refusedWith('proof.expired'))
    expect(story.offer({ ...draft, atMs: laterMs }, [proof], { nowMs: laterMs + 1 })).toMatchObject(refusedWith('proof.expired'))
    expect(story.offer(draft, [proof], { nowMs: laterMs + 1, mode: 'peer' })).toMatchObject({ status: 'applied' })
  })

  it('are refused from the future by both', () => {
    for (const mode of ['server', 'peer'] as const) {
      const story = begun()
      const nowMs = story.nowMs - LIMITS.challengeMs - 1
      const draft = { ...story.draft('device.revoke', { device: phone.device }), atMs: nowMs }
      expect(story.offer(draft, [story.prove(alice, 'revoke-device', phone.device)], { nowMs, mode })).toMatchObject(refusedWith('proof.not_yet_valid'))
      const fromTomorrow = story.draft('device.revoke', { device: phone.device })
      expect(story.offer(fromTomorrow, [phone.signingProof(fromTomorrow)], { nowMs, mode })).toMatchObject(refusedWith('proof.not_yet_valid'))
    }
  })

  it('leave a log readable after 400 days, when the attestation of its device is no longer good', () => {
    const story = begun()
    const nowMs = START_MS + LIMITS.attestationMs + 1
    const result = verifyLog(story.entries, { ...story.context, nowMs, mode: 'peer' })
    const device = result.status === 'applied' ? result.state.devices.get(phone.device) : undefined
    expect(device && isAttestationFresh(device, nowMs)).toBe(false)
    expect(device && isAttestationFresh(device, nowMs - 1)).toBe(true)
  })
})

/** A log with one entry of every kind, and several of some. */
function fullStory(): LogStory {
  const story = linked()
  story.addDevice(laptop, aliceTerra)
  const policy = story.prove(alice, 'policy', phone.device, { bodyHash: policyBodyHash({ approveDevices: true }) })
  story.append(story.draft('policy', { approveDevices: true }), [policy])
  story.addDevice(deviceActor('alice tablet'), alice, phone)
  const revoke = story.draft('device.revoke', { device: laptop.device })
  story.append(revoke, [laptop.signingProof(revoke)])
  const unlink = story.prove(alice, 'unlink-wallet', phone.device, { otherWallet: aliceTerra.walletId })
  story.append(story.draft('wallet.unlink', { wallet: aliceTerra.walletId }), [unlink])
  story.append(story.draft('closed', {}), [story.prove(alice, 'erase', phone.device)])
  return story
}

describe('verifyLog', () => {
  const story = fullStory()
  const peer = { ...SITE, primitives, nowMs: story.nowMs + 86_400_000, mode: 'peer' } as const

  it('gives a peer the state that the server has', () => {
    const result = verifyLog(story.entries, peer)
    expect(result).toMatchObject({ status: 'applied' })
    expect(result.status === 'applied' ? result.state : undefined).toEqual(story.state)
  })

  it('goes on from a state that was verified before', () => {
    const first = verifyLog(story.entries.slice(0, 3), peer)
    if (first.status !== 'applied') throw new Error('refused')
    expect(verifyLog(story.entries.slice(3), peer, first.state)).toMatchObject({ status: 'applied', state: { seq: story.entries.length } })
    expect(verifyLog([], peer, first.state)).toMatchObject({ status: 'applied', state: { seq: 3 }, entries: [] })
  })

  it('refuses a log with an entry left out, doubled, swapped, or none at all, and names the place', () => {
    const [first, second, third] = story.entries
    if (first === undefined || second === undefined || third === undefined) throw new Error('story too short')
    expect(verifyLog([first, third], peer)).toMatchObject({ status: 'refused', code: 'account.log_invalid', index: 1 })
    expect(verifyLog([first, first], peer)).toMatchObject({ status: 'refused', code: 'account.log_invalid', index: 1 })
    expect(verifyLog([second, first], peer)).toMatchObject({ status: 'refused', code: 'account.log_invalid', index: 0 })
    expect(verifyLog([], peer)).toMatchObject({ status: 'refused', code: 'account.log_invalid', index: 0 })
  })

  const before = story.entries.map((_, count) => {
    const result = verifyLog(story.entries.slice(0, count), peer, emptyAccountState(story.state.account))
    return result.status === 'applied' ? result.state : undefined
  })

  it('refuses a log after any single byte of any entry changed, with a documented code and without throwing', () => {
    fc.assert(fc.property(fc.nat(story.entries.length - 1), fc.nat(), fc.integer({ min: 1, max: 255 }), (index, at, flip) => {
      const entries = story.entries.map((entry) => entry.slice())
      const changed = entries[index] ?? new Uint8Array(1)
      changed[at % changed.length] = (changed[at % changed.length] ?? 0) ^ flip
      const result = verifyLog(entries.slice(index), peer, before[index])
      // The time of an entry is signed by nobody; the chain of heads still pins it for the entries that follow.
      if (result.status === 'applied') {
        expect(index).toBe(entries.length - 1)
        expect(decodeEntry(changed)).toEqual({ ...decodeEntry(story.entries[index] ?? changed), atMs: decodeEntry(changed).atMs })
      } else expect(isErrorCode(result.code)).toBe(true)
    }), { numRuns: 400 })
  })

  it('never throws, whatever the bytes', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 512 }), (bytes) => {
      expect(applyEntry(story.state, bytes, peer).status).toBe('refused')
    }))
    expect(applyEntry(story.state, new Uint8Array(LIMITS.logEntryBytesMax + 1), peer)).toMatchObject(refusedWith('too_large.log_entry'))
  })
})

describe('the encoding of an entry', () => {
  const story = fullStory()

  it('gives the same bytes back for every kind', () => {
    for (const bytes of story.entries) expect(encodeEntry(decodeEntry(bytes))).toEqual(bytes)
  })

  it('chains heads over whole entries, and hashes for device keys over neither proofs nor time', () => {
    const [first, second] = story.entries.map(decodeEntry)
    if (first === undefined || second === undefined) throw new Error('story too short')
    expect(second.prev).toEqual(headOf(story.entries[0] ?? new Uint8Array()))
    const bare: LogEntry = { ...first, atMs: 0, proofs: [] }
    expect(entryHash(first)).toEqual(entryHash(bare))
    expect(headOf(encodeEntry({ ...first, atMs: first.atMs + 1 }))).not.toEqual(second.prev)
  })

  it('fails with an error code when cut anywhere', () => {
    for (const bytes of story.entries) {
      for (let length = 0; length < bytes.length; length += 7) {
        expect(() => decodeEntry(bytes.subarray(0, length))).toThrow(expect.objectContaining({ name: 'EvegramError' }))
      }
    }
  })

  it('refuses unknown kinds, fields and versions, and keys of another type', () => {
    const entry = decodeEntry(story.entries[0] ?? new Uint8Array()) as LogEntry & { kind: 'device.add' }
    const core = { v: 1, account: new Uint8Array(16), seq: 1, prev: new Uint8Array(32), atMs: 1, proofs: [] }
    const good = { ...core, kind: 'closed', body: {} }
    expect(decodeEntry(encodeCbor(good)).kind).toBe('closed')
    const bad = [
      { ...good, v: 2 }, { ...good, kind: 'device.rename' }, { ...good, body: { extra: 1 } }, { ...good, extra: 1 }, { ...good, seq: -1 },
      { ...good, seq: 2 ** 32 }, { ...good, prev: new Uint8Array(31) }, { ...good, proofs: [{ type: 'wallet' }] },
      { ...good, proofs: [{ type: 'signing-key', device: new Uint8Array(16), signature: new Uint8Array(63) }] },
      { ...good, proofs: Array.from({ length: 5 }, () => ({ type: 'signing-key', device: new Uint8Array(16), signature: new Uint8Array(64) })) },
      { ...core, kind: 'device.add', body: { ...entry.body, identityKey: new Uint8Array(33) } },
      { ...core, kind: 'device.add', body: { ...entry.body, registrationId: 0x4000 } },
      { ...core, kind: 'wallet.link', body: { wallet: 'solana:main:alice' } },
    ]
    for (const map of bad) {
      let thrown: unknown
      try {
        decodeEntry(encodeCbor(map))
      } catch (cause) {
        thrown = cause
      }
      expect(isEvegramError(thrown)).toBe(true)
    }
  })
})
