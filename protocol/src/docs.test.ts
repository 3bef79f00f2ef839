import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { tables, withTables } from '../scripts/docs-tables.js'
import { LIMITS } from './limits.js'
import { proofText } from './proof/text.js'
import { deviceActor, SITE, solanaWallet, START_MS } from '../vectors/actors.js'
import { accountIdOf } from './ids.js'

const document = readFileSync(new URL('../../docs/protocol.md', import.meta.url), 'utf8')

describe('docs/protocol.md', () => {
  it('holds the tables that the constants give now (else run: npx tsx protocol/scripts/docs-tables.ts)', () => {
    expect(withTables(document)).toBe(document)
  })

  it('explains every limit', () => {
    const rows = (tables()['limits'] ?? '').split('\n').slice(2)
    expect(rows).toHaveLength(Object.keys(LIMITS).length)
    for (const row of rows) expect(row).toMatch(/\| \S.* \|$/)
  })

  it('shows the proof text as the code builds it', () => {
    const wallet = solanaWallet('alice')
    const text = proofText({
      domain: SITE.domain, origin: SITE.origin, walletId: wallet.walletId, purpose: 'add-device', account: accountIdOf(wallet.walletId), logSeq: 0,
      logHead: new Uint8Array(32), device: deviceActor('alice phone').device, nonce: '0123456789abcdefghijABCD', issuedAtMs: START_MS, expirationTimeMs: START_MS + 600_000,
    })
    expect(document).toContain(`\`\`\`text\n${text}\n\`\`\``)
  })

  it('has no section that another section names and that does not exist', () => {
    const headings = new Set([...document.matchAll(/^#{2,3} ([0-9]+(?:\.[0-9]+)?)\.? /gm)].map(([, number]) => number))
    for (const [, number] of document.matchAll(/see ([0-9]+(?:\.[0-9]+)?)/g)) expect([number, headings.has(number)]).toEqual([number, true])
  })
})
