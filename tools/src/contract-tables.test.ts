import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { contractTables, portsOf, tableLines } from '../contracts/tables.mjs'

const test = (suite: string, title: string, status: string): object => ({ ancestorTitles: [suite], title, status })

describe('the tables of the contract suites', () => {
  it('finds the suites of the source', () => {
    const ports = portsOf(fileURLToPath(new URL('../../', import.meta.url)))
    expect(ports).toEqual(expect.arrayContaining(['EnvelopeLog', 'Marks', 'Membership', 'Presence', 'NodeRegistry', 'Bus contract', 'AccountStore contract', 'PrekeyStore contract']))
  })

  it('shows what each adapter keeps, lacks by declaration, and breaks', () => {
    const report = { testResults: [{ assertionResults: [
      test('Bus contract: memory', 'keeps order', 'passed'), test('Bus contract: nats', 'keeps order', 'failed'), test('Bus contract: nats', 'keeps order', 'passed'),
      test('Marks: lmdb (gaps: reopen)', 'survives', 'skipped'), test('Marks: lmdb (gaps: reopen)', 'pages', 'passed'), test('Marks: memory', 'pages', 'passed'),
      test('something else: memory', 'is not a contract', 'passed'),
    ] }] }
    const tables = contractTables(report, ['Marks', 'Bus contract'])
    expect(tables).toEqual([
      { port: 'Bus', adapters: ['memory', 'nats'], rows: [{ promise: 'keeps order', marks: ['ok', 'FAIL'] }] },
      { port: 'Marks', adapters: ['lmdb', 'memory'], rows: [{ promise: 'survives', marks: ['gap', '-'] }, { promise: 'pages', marks: ['ok', 'ok'] }] },
    ])
    expect(tableLines(tables)).toContain('  ok      FAIL  keeps order')
  })
})
