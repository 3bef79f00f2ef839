import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { describeLies } from './lies.js'

it('docs/simulator.md prints the lies as they are', () => {
  const page = readFileSync(new URL('../../../docs/simulator.md', import.meta.url), 'utf8')
  expect(page).toContain(describeLies().trim())
})
