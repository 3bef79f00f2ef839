import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { ACCOUNT_KINDS } from './account.js'
import { OPERATOR_ACTS } from './event.js'
import { TRANSFER_STATUSES } from './transfer-status.js'

const page = readFileSync(fileURLToPath(new URL('../../../docs/ledger.md', import.meta.url)), 'utf8')

/** What stands between the marks of a generated table. */
function tableOf(name: string): string {
  const [begin, end] = [`<!-- generated:${name} -->\n`, `<!-- /generated:${name} -->`]
  return page.slice(page.indexOf(begin) + begin.length, page.indexOf(end))
}

describe('docs/ledger.md', () => {
  it('has the answers in their order of precedence', () => {
    expect(tableOf('transfer-statuses')).toBe(['| answer | |', '|---|---|', ...TRANSFER_STATUSES.map(([status, text]) => `| \`${status}\` | ${text} |`), ''].join('\n'))
  })

  it('has the acts of operators', () => {
    expect(tableOf('operator-acts')).toBe(['| act | |', '|---|---|', ...OPERATOR_ACTS.map(([act, text]) => `| \`${act}\` | ${text} |`), ''].join('\n'))
  })

  it('has the kinds of accounts with their flags', () => {
    const rows = Object.entries(ACCOUNT_KINDS).map(([kind, flags]) => `| \`${kind}\` | ${flags.map((flag) => `\`${flag}\``).join(', ') || 'none'} |`)
    expect(tableOf('account-kinds')).toBe(['| kind | flags |', '|---|---|', ...rows, ''].join('\n'))
  })
})
