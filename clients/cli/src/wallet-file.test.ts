import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { CHAINS, createWalletFile, describeWalletFile, openWalletFile } from './wallet-file.js'

describe('wallet files', () => {
  let folder: string
  let path: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'evegram-wallet-'))
    path = join(folder, 'deep', 'wallet.json')
  })
  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  const refused = (advice: RegExp): unknown => expect.objectContaining({ code: 'invalid.wallet_file', advice: expect.stringMatching(advice) as string })
  const rewrite = (change: (file: Record<string, unknown>) => void): void => {
    const file = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>
    change(file)
    writeFileSync(path, JSON.stringify(file))
  }

  it.each(CHAINS)('gives back the same %s wallet, readable by its owner only', (chain) => {
    const made = createWalletFile(path, chain, undefined)
    expect(openWalletFile(path, undefined).address).toBe(made.address)
    expect(describeWalletFile(path)).toEqual({ chain, address: made.address, encrypted: false })
    expect(statSync(path).mode & 0o777).toBe(0o600)
  })

  it('makes another wallet each time and never overwrites a file', () => {
    const first = createWalletFile(path, 'ton', undefined)
    expect(() => createWalletFile(path, 'ton', undefined)).toThrowError(expect.objectContaining({ code: 'invalid.argument' }))
    expect(openWalletFile(path, undefined).address).toBe(first.address)
    expect(createWalletFile(join(folder, 'other.json'), 'ton', undefined).address).not.toBe(first.address)
  })

  it('opens an encrypted file with its passphrase only, and shows its address without', () => {
    const made = createWalletFile(path, 'solana', 'correct horse')
    expect(readFileSync(path, 'utf8')).not.toContain('"seed"')
    expect(describeWalletFile(path)).toEqual({ chain: 'solana', address: made.address, encrypted: true })
    expect(openWalletFile(path, 'correct horse').address).toBe(made.address)
    expect(() => openWalletFile(path, 'correct hoarse')).toThrowError(refused(/passphrase .* is wrong/))
    expect(() => openWalletFile(path, undefined)).toThrowError(refused(/EVEGRAM_WALLET_PASSPHRASE/))
  })

  it('refuses what is damaged, what is of another address, and what is no wallet file', () => {
    createWalletFile(path, 'terra', undefined)
    rewrite((file) => { file['seed'] = String(file['seed']).slice(2) })
    expect(() => openWalletFile(path, undefined)).toThrowError(refused(/damaged/))
    rewrite((file) => { file['seed'] = Buffer.alloc(32, 7).toString('base64url') })
    expect(() => openWalletFile(path, undefined)).toThrowError(refused(/does not belong/))
    for (const content of ['', '{', 'null', '[]', '{"format":"evegram-wallet/2"}', '{"format":"evegram-wallet/1","chain":"bitcoin","address":"x","seed":""}']) {
      writeFileSync(path, content)
      expect(() => openWalletFile(path, undefined), content).toThrowError(refused(/not a wallet file.*keys new/))
    }
    writeFileSync(path, ' '.repeat(20_000))
    expect(() => describeWalletFile(path)).toThrowError(refused(/too large/))
    expect(() => describeWalletFile(join(folder, 'missing.json'))).toThrowError(refused(/cannot be read/))
  })
})
