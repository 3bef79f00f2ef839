import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { parseAccountId, parseDeviceId } from '@evegram/protocol'
import { pairCode, PairCodes } from './pair-code.js'

const ACCOUNT = parseAccountId('a1'.repeat(16))
const [NEW, OLD, OTHER] = [parseDeviceId('d1'.repeat(16)), parseDeviceId('d2'.repeat(16)), parseDeviceId('d3'.repeat(16))]
const ASK = Buffer.from('0f'.repeat(16), 'hex')

/** The digits as docs/protocol.md 10.11 has them, by OpenSSL. */
function byTheBook(ask: Buffer, asking: string, giving: string): string {
  const lp = (part: Buffer): Buffer => Buffer.concat([Buffer.from([0, 0, 0, part.length]), part])
  const key = createHash('sha256').update(Buffer.concat([Buffer.from('evegram/history-code/v1'), ask, Buffer.from(asking, 'hex'), Buffer.from(giving, 'hex')].map(lp))).digest()
  let digest: Buffer = Buffer.concat([Buffer.alloc(2), key, Buffer.from(ACCOUNT)])
  for (let round = 0; round < 5_200; round++) digest = createHash('sha512').update(digest).update(key).digest()
  return [0, 5, 10, 15, 20, 25].map((at) => String(digest.readUIntBE(at, 5) % 100_000).padStart(5, '0')).join('')
}

describe('the digits that two devices show for a request for history', () => {
  it('are those of docs/protocol.md, and of protocol/vectors/history-codes.json', async () => {
    const pairs = [[NEW, OLD], [NEW, OTHER], [OTHER, OLD], [OLD, NEW]] as const
    const codes = pairs.map(([asking, giving]) => ({ ask: ASK.toString('hex'), asking, giving, code: pairCode({ account: ACCOUNT, ask: ASK, asking, giving }) }))
    for (const { asking, giving, code } of codes) expect(code).toBe(byTheBook(ASK, asking, giving))
    // Which of the two asks is in it, and so is each of them.
    expect(new Set(codes.map(({ code }) => code)).size).toBe(pairs.length)
    const vectors = {
      format: 'evegram-vectors/1', about: 'Digits that a device which asks for history and one which gives it both show: docs/protocol.md 10.11.', account: ACCOUNT, codes,
    }
    await expect(`${JSON.stringify(vectors, undefined, 1)}\n`).toMatchFileSnapshot('../../../../protocol/vectors/history-codes.json')
  })

  it('are kept, and made again where there were too many', () => {
    const codes = new PairCodes(ACCOUNT, 2)
    const first = codes.of(ASK, NEW, OLD)
    expect(codes.of(ASK, NEW, OLD)).toBe(first)
    for (let index = 0; index < 3; index++) codes.of(Uint8Array.from({ length: 16 }, () => index), NEW, OLD)
    expect(codes.of(ASK, NEW, OLD)).toBe(first)
  })
})
