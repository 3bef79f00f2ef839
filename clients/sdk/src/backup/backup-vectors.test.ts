import { describe, expect, it } from 'vitest'
import { bytesOfHex, concatBytes, hexOf, parseAccountId, parseDeviceId } from '@evegram/protocol'
import { SeededRandom } from '../crypto/seeded-random.js'
import { sealBlob } from '../files/seal-blob.js'
import { encodeHead, openHead, BACKUP_PREFIX_BYTES } from './backup-head.js'
import { wrapWithCode, wrapWithPassphrase } from './backup-key.js'
import { formatRecoveryCode } from './recovery-code.js'
import { openBackup } from './open-backup.js'

const PASSPHRASE = 'correct horse battery staple'
const COST = { log2n: 12, r: 8, p: 1 }

describe('the vectors of backups', () => {
  it('are what a seeded device writes, and open with code and passphrase: protocol/vectors/backup.json', async () => {
    const random = new SeededRandom('vectors/backup')
    const code = random.bytes(16)
    const key = random.bytes(32)
    const archive = bytesOfHex('0102030405')
    async function* content(): AsyncGenerator<Uint8Array> {
      yield await Promise.resolve(archive)
    }
    const sealing = sealBlob(content(), { key: random.bytes(32) })
    const chunks: Uint8Array[] = []
    let next = await sealing.next()
    for (; next.done !== true; next = await sealing.next()) chunks.push(next.value)
    const manifest = { account: parseAccountId('a1'.repeat(16)), device: parseDeviceId('d1'.repeat(16)), domain: 'chat.example', madeAtMs: 1_800_000_000_000, sealed: next.value }
    const wraps = [wrapWithCode(key, code, random), await wrapWithPassphrase(key, PASSPHRASE, random, COST)]
    const head = encodeHead(manifest, key, wraps, random)
    const backup = concatBytes(head, ...chunks)
    for (const secret of [{ kind: 'code', code: formatRecoveryCode(code) }, { kind: 'passphrase', passphrase: PASSPHRASE }] as const) {
      expect(await openHead(head.subarray(BACKUP_PREFIX_BYTES), secret)).toMatchObject({ manifest, key })
      async function* bytes(): AsyncGenerator<Uint8Array> {
        yield await Promise.resolve(backup)
      }
      const opened: Uint8Array[] = []
      for await (const piece of (await openBackup(bytes(), secret)).archive) opened.push(piece)
      expect(concatBytes(...opened)).toEqual(archive)
    }
    const vectors = {
      format: 'evegram-vectors/1', about: 'A backup of version 1 that holds five bytes for an archive: docs/e2ee.md. It opens with the recovery code and with the passphrase (scrypt 2^12, 8, 1: cheap, for tests).',
      recoveryCode: { hex: hexOf(code), text: formatRecoveryCode(code) }, passphrase: PASSPHRASE, key: hexOf(key), archive: hexOf(archive),
      manifest: { ...manifest, sealed: { ...manifest.sealed, key: hexOf(manifest.sealed.key), digest: hexOf(manifest.sealed.digest) } },
      head: hexOf(head), backup: hexOf(backup),
    }
    await expect(`${JSON.stringify(vectors, undefined, 1)}\n`).toMatchFileSnapshot('../../../../protocol/vectors/backup.json')
  })
})
