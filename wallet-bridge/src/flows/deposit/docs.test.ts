import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { DEPOSIT_REASONS } from './decide-deposit.js'

const page = readFileSync(fileURLToPath(new URL('../../../../docs/wally.md', import.meta.url)), 'utf8')

describe('docs/wally.md', () => {
  it('has the reasons in their order of precedence', () => {
    const [begin, end] = ['<!-- generated:deposit-reasons -->\n', '<!-- /generated:deposit-reasons -->']
    const rows = DEPOSIT_REASONS.map(([reason, ends, text]) => `| \`${reason}\` | ${ends === 'suspense' ? 'in suspense' : ends} | ${text} |`)
    expect(page.slice(page.indexOf(begin) + begin.length, page.indexOf(end))).toBe(['| reason | ends | |', '|---|---|---|', ...rows, ''].join('\n'))
  })
})
