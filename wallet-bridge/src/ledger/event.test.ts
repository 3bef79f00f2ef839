import { bytesOfHex, hexOf, isEvegramError } from '@evegram/protocol'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { openingOf } from './account.js'
import { amountOf, AMOUNT_MAX } from './amount.js'
import {
  decodeLedgerEvent, emptyLedgerHead, LEDGER_EVENT_BYTES_MAX, ledgerEventHash, OPERATOR_WORDS_CHARACTERS_MAX, sealEvents, type LedgerChange, type OperatorAct,
} from './event.js'
import { assetIdOf, campaignTransferId, expiryTransferId, ledgerAccountIdOf, parsePurpose, payoutTransferId } from './ids.js'
import { isFault, LedgerReplay } from './replay.js'
import type { Transfer } from './transfer.js'

const ledger = '000102030405060708090a0b0c0d0e0f'
const asset = assetIdOf('solana', 'sol')
const [hot, alice] = [openingOf('hot', 'main', asset), openingOf('user', 'alice', asset)]
const hold: Transfer = {
  id: payoutTransferId('7'), kind: 'pending', debit: alice.id, credit: hot.id, asset, amount: AMOUNT_MAX, purpose: parsePurpose('payout'), expiresAtMs: 1_800_000_000_000,
  ends: undefined, number: 3, atMs: 1_700_000_000_000,
}
const post: Transfer = {
  ...hold, id: payoutTransferId('7', 'post'), kind: 'post', amount: amountOf(5n), expiresAtMs: undefined, ends: { pending: hold.id, reserved: AMOUNT_MAX }, number: 4,
}
const changes: readonly LedgerChange[] = [
  { kind: 'account_opened', account: hot }, { kind: 'account_opened', account: alice }, hold, post, { kind: 'account_closed', account: alice.id },
]
const sealed = sealEvents(emptyLedgerHead(ledger), changes, 1_700_000_000_000)

describe('events of the ledger', () => {
  it('are the bytes that docs/ledger.md promises', () => {
    expect(sealed.events.map(({ bytes }) => hexOf(bytes))).toMatchInlineSnapshot(`
      [
        "aa6176016261741b0000018bcfe56800646b696e646e6163636f756e745f6f70656e65646561737365746a736f6c616e612f736f6c65666c61677381781e637265646974735f6d7573745f6e6f745f6578636565645f646562697473666c656467657250000102030405060708090a0b0c0d0e0f666e756d62657201676163636f756e7473686f743a6d61696e3a736f6c616e612f736f6c6870726576696f7573582000000000000000000000000000000000000000000000000000000000000000006b6163636f756e744b696e6463686f74",
        "aa6176016261741b0000018bcfe56800646b696e646e6163636f756e745f6f70656e65646561737365746a736f6c616e612f736f6c65666c61677381781e6465626974735f6d7573745f6e6f745f6578636565645f63726564697473666c656467657250000102030405060708090a0b0c0d0e0f666e756d62657202676163636f756e7475757365723a616c6963653a736f6c616e612f736f6c6870726576696f757358206ed0aab71b0b1fd890ef617559a57a11845ff7f220eaf6a7b94a131f1560b36c6b6163636f756e744b696e646475736572",
        "ad6176016261741b0000018bcfe5680062696463703a37646b696e646770656e64696e676561737365746a736f6c616e612f736f6c65646562697475757365723a616c6963653a736f6c616e612f736f6c66616d6f756e74782639393939393939393939393939393939393939393939393939393939393939393939393939396663726564697473686f743a6d61696e3a736f6c616e612f736f6c666c656467657250000102030405060708090a0b0c0d0e0f666e756d6265720367707572706f7365667061796f75746870726576696f757358204c0509b2ffde0f7b74d7246e305e9256c599734de9ba1639f373f3fa30dbadd0696578706972657341741b000001a3185c5000",
        "ae6176016261741b0000018bcfe5680062696468703a373a706f7374646b696e6464706f73746561737365746a736f6c616e612f736f6c65646562697475757365723a616c6963653a736f6c616e612f736f6c66616d6f756e7461356663726564697473686f743a6d61696e3a736f6c616e612f736f6c666c656467657250000102030405060708090a0b0c0d0e0f666e756d626572046770656e64696e6763703a3767707572706f7365667061796f75746870726576696f757358205fcb0e6cf6bf4b6a24de14f79bcd1317522e04cb8d12086ff4714a38610ad36268726573657276656478263939393939393939393939393939393939393939393939393939393939393939393939393939",
        "a76176016261741b0000018bcfe56800646b696e646e6163636f756e745f636c6f736564666c656467657250000102030405060708090a0b0c0d0e0f666e756d62657205676163636f756e7475757365723a616c6963653a736f6c616e612f736f6c6870726576696f75735820ff1e5a2655be581b7ecdce935496f70d532c0373de95194b94de1cc306524920",
      ]
    `)
    expect(hexOf(sealed.head.hash)).toMatchInlineSnapshot(`"35697aab312847991c3ffd0539b0b2786d388615a62144cf612173b33b4cc015"`)
  })

  it('say what was sealed, each behind the one before', () => {
    const decoded = sealed.events.map(({ bytes }) => decodeLedgerEvent(bytes))
    expect(decoded.map(({ change }) => change)).toEqual(changes)
    expect(decoded.map(({ number }) => number)).toEqual([1, 2, 3, 4, 5])
    expect(decoded.slice(1).map(({ previous }) => hexOf(previous))).toEqual(sealed.events.slice(0, -1).map(({ bytes }) => hexOf(ledgerEventHash(bytes))))
    expect(sealed.head).toMatchObject({ number: 5, atMs: 1_700_000_000_000, ledger })
  })

  it('tell of acts of operators, and no approval of what nobody else proposed passes', () => {
    const act = (name: OperatorAct['act'], person: string, words = 'paid'): OperatorAct => ({ kind: 'operator_act', act: name, person, subject: 'payout:one', words })
    const replayed = (...acts: readonly OperatorAct[]): readonly string[] => {
      const replay = new LedgerReplay(emptyLedgerHead(ledger))
      return sealEvents(emptyLedgerHead(ledger), acts, 5).events.map((event) => {
        const applied = replay.apply(event)
        return isFault(applied) ? applied.fault : applied.change.kind
      })
    }
    const [event] = sealEvents(emptyLedgerHead(ledger), [act('proposed', 'olga', 'w'.repeat(OPERATOR_WORDS_CHARACTERS_MAX))], 5).events
    expect(decodeLedgerEvent(event?.bytes ?? new Uint8Array()).change).toEqual(act('proposed', 'olga', 'w'.repeat(OPERATOR_WORDS_CHARACTERS_MAX)))
    expect(replayed(act('proposed', 'olga'), act('approved', 'oleg'), act('decided_alone', 'olga'))).toEqual(['operator_act', 'operator_act', 'operator_act'])
    expect(replayed(act('approved', 'oleg'))).toEqual(['rule_broken'])
    expect(replayed(act('proposed', 'olga'), act('approved', 'olga'))).toEqual(['operator_act', 'rule_broken'])
    expect(replayed(act('proposed', 'olga'), act('approved', 'oleg', 'failed'))).toEqual(['operator_act', 'rule_broken'])
    expect(replayed(act('proposed', 'olga'), act('approved', 'oleg'), act('approved', 'otto'))).toEqual(['operator_act', 'operator_act', 'rule_broken'])
  })

  it('tell of what one person did, which ends no proposal, and no approval of the own payout passes', () => {
    const [account, subject] = ['a'.repeat(32), `payout:${'a'.repeat(32)}.rent`]
    const act = (name: OperatorAct['act'], person: string): OperatorAct => ({ kind: 'operator_act', act: name, person, subject, words: 'awaiting_approval' })
    const faultsOf = (...acts: readonly OperatorAct[]): readonly (string | undefined)[] => {
      const replay = new LedgerReplay(emptyLedgerHead(ledger))
      return sealEvents(emptyLedgerHead(ledger), acts, 5).events.map((event) => {
        const applied = replay.apply(event)
        return isFault(applied) ? applied.fault : undefined
      })
    }
    expect(faultsOf(act('payout_approved', 'olga'), act('payout_refused', account), act('chain_paused', 'olga'), act('chain_resumed', 'oleg'))).toEqual([undefined, undefined, undefined, undefined])
    expect(faultsOf(act('proposed', 'olga'), act('payout_refused', 'oleg'), act('approved', 'oleg'))).toEqual([undefined, undefined, undefined])
    expect(faultsOf(act('payout_approved', account))).toEqual(['rule_broken'])
    expect(faultsOf(act('payout_approved', account.slice(1)))).toEqual([undefined])
  })

  it('are other bytes, or none, when any byte is changed', () => {
    fc.assert(fc.property(fc.nat(4), fc.nat(), fc.integer({ min: 1, max: 255 }), (which, at, flip) => {
      const event = sealed.events[which]
      const bytes = event?.bytes.slice() ?? new Uint8Array()
      bytes[at % bytes.length] = (bytes[at % bytes.length] ?? 0) ^ flip
      expect(hexOf(ledgerEventHash(bytes))).not.toBe(hexOf(event?.hash ?? new Uint8Array()))
      try {
        decodeLedgerEvent(bytes)
      } catch (failure) {
        expect(isEvegramError(failure), String(failure)).toBe(true)
      }
    }))
  })

  it('fit their bound with the longest ids', () => {
    const long = ledgerAccountIdOf('k'.repeat(16), 'o'.repeat(64), assetIdOf('c'.repeat(16), 't'.repeat(128)))
    const pending = campaignTransferId('c'.repeat(64), 'r'.repeat(128))
    const largest: Transfer = {
      ...post, id: expiryTransferId(pending), kind: 'expire', debit: long, credit: long, asset: assetIdOf('c'.repeat(16), 't'.repeat(128)), amount: amountOf(0n),
      purpose: parsePurpose('p'.repeat(32)), ends: { pending, reserved: AMOUNT_MAX }, number: 1,
    }
    const [event] = sealEvents({ ...emptyLedgerHead(ledger), number: Number.MAX_SAFE_INTEGER - 1 }, [largest], Number.MAX_SAFE_INTEGER).events
    expect(event?.bytes.length).toBeLessThanOrEqual(LEDGER_EVENT_BYTES_MAX)
    expect(decodeLedgerEvent(event?.bytes ?? new Uint8Array()).change).toEqual({ ...largest, number: Number.MAX_SAFE_INTEGER, atMs: Number.MAX_SAFE_INTEGER })
  })

  it.each(['', 'a0', 'a1617601', '00'])('are not read from %j', (hex) => {
    expect(() => decodeLedgerEvent(bytesOfHex(hex))).toThrow()
  })
})
