import { accountIdOf, isEvegramError, type AccountId, type WalletId } from '@evegram/protocol'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  assetIdOf, campaignTransferId, depositTransferId, expiryTransferId, ledgerAccountIdOf, parseAssetId, parseLedgerAccountId, parsePurpose, parseTransferId,
  payoutTransferId, TRANSFER_ID_CHARACTERS_MAX, userTransferId,
} from './ids.js'

const account: AccountId = accountIdOf('solana:x:y' as WalletId)
const refused: unknown = expect.toSatisfy((failure) => isEvegramError(failure, 'invalid.argument'))

describe('ids of transfers', () => {
  it('are read back as they were made', () => {
    const ids = [
      userTransferId(account, 'a-1'), depositTransferId('solana', 'x'.repeat(128), 9_999_999_999), payoutTransferId('7'), payoutTransferId('7', 'post'),
      campaignTransferId('x'.repeat(64), 'y'.repeat(128)),
    ]
    for (const id of [...ids, ...ids.map(expiryTransferId)]) {
      expect(parseTransferId(id)).toBe(id)
      expect(id.length).toBeLessThanOrEqual(TRANSFER_ID_CHARACTERS_MAX)
    }
  })

  it.each(['', ' ', 'a:b', 'd:solana:x:0', '../x', 'a\u202eb', 'a\0b', 'ä', "a'b", 'x'.repeat(65), 'a b', 'a\n'])('take no client id like %j', (clientId) => {
    expect(() => userTransferId(account, clientId)).toThrow(refused)
  })

  it('of a client never reach another namespace, whatever it sends', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 80 }), (clientId) => {
      let id: string | undefined
      try {
        id = userTransferId(account, clientId)
      } catch (failure) {
        expect(failure).toMatchObject({ code: 'invalid.argument' })
      }
      if (id !== undefined) expect(id.split(':')).toEqual(['u', account, clientId])
    }))
  })

  it.each(['u:1:2', 'x:x:p:1', 'y:1', 'p:1:post:more', 'd:solana:x:-1', 'p:', 'P:1', 'p:1\n'])('are not read from %j', (text) => {
    expect(() => parseTransferId(text)).toThrow(refused)
  })

  it.each([-1, 0.5, 10_000_000_000, Number.NaN])('of deposits have no index %d', (index) => {
    expect(() => depositTransferId('solana', 'x', index)).toThrow(refused)
  })
})

describe('ids of accounts and assets', () => {
  it('are read back as they were made', () => {
    for (const asset of [assetIdOf('solana', 'sol'), assetIdOf('terra', 'ibc/ABC'), assetIdOf('ton', 'EQ_-a')]) {
      expect(parseAssetId(asset)).toBe(asset)
      const id = ledgerAccountIdOf('user', account, asset)
      expect(parseLedgerAccountId(id)).toBe(id)
    }
    expect(parsePurpose('chat_payment')).toBe('chat_payment')
  })

  it('refuse what does not fit', () => {
    for (const text of ['', 'sol', '/sol', 'Solana/sol', 'solana/', 'solana/a b', 'solana/a:b']) expect(() => parseAssetId(text)).toThrow(refused)
    for (const text of ['user', 'user:a', 'user:a:sol', 'user::solana/sol', 'user:a:b:solana/sol', 'user:a:solana/sol\n']) expect(() => parseLedgerAccountId(text)).toThrow(refused)
    for (const text of ['', 'Chat', '_a', 'a'.repeat(33)]) expect(() => parsePurpose(text)).toThrow(refused)
  })
})
