import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { ALARM_KINDS } from '../alarm.js'
import { OPERATOR_SCOPES } from '../operators.js'

const page = readFileSync(new URL('../../../docs/wally-api.md', import.meta.url), 'utf8')

describe('docs/wally-api.md', () => {
  it.each([
    ['operator-scopes', ['| scope | |', '|---|---|', ...OPERATOR_SCOPES.map(([scope, text]) => `| \`${scope}\` | ${text} |`)]],
    ['alarm-kinds', ['| alarm | |', '|---|---|', ...ALARM_KINDS.map(([kind, text]) => `| \`${kind}\` | ${text} |`)]],
  ])('holds the table of %s that the code has', (name, lines) => {
    expect(page).toContain([`<!-- generated:${name} -->`, ...lines, `<!-- /generated:${name} -->`].join('\n'))
  })
})
