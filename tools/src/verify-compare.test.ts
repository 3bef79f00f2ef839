import type { ReportLine } from '@evegram/protocol/proof'
import { describe, expect, it } from 'vitest'
import { compareReports, printComparison, printSpeeds } from './verify-compare.js'

const line = (name: string, actual: string, ok = true): ReportLine => ({ file: 'a.json', format: 'f', case: name, expected: 'accept', actual, ok })

describe('compareReports', () => {
  it('passes when both sides answer as expected', () => {
    const both = [line('one', 'accept'), line('two', 'refuse proof.signature')]
    expect(compareReports(['a.json'], both, both)).toMatchObject({ failed: 0, disagreements: 0, files: [{ vectors: 2, accepted: 1, refused: 1 }] })
  })

  it('fails when the sides refuse for different reasons, even where each is allowed', () => {
    const compared = compareReports(['a.json'], [line('one', 'refuse proof.text')], [line('one', 'refuse proof.signature')])
    expect(compared).toMatchObject({ failed: 1, disagreements: 1 })
    expect(printComparison(compared)).toContain('DIFFER')
  })

  it('fails when both sides agree on a wrong answer', () => {
    const both = [line('one', 'refuse proof.text', false)]
    const compared = compareReports(['a.json'], both, both)
    expect(compared).toMatchObject({ failed: 1, disagreements: 0 })
    expect(printComparison(compared)).toContain('WRONG')
  })

  it('fails when one side left out a vector or a whole file', () => {
    expect(compareReports(['a.json'], [line('one', 'accept')], [])).toMatchObject({ failed: 1, disagreements: 1 })
    expect(compareReports(['a.json'], [line('one', 'accept')], [{ file: 'a.json', note: 'not a proof vector file' }])).toMatchObject({ failed: 1 })
    expect(compareReports(['a.json'], [], [line('one', 'accept'), line('two', 'accept')])).toMatchObject({ failed: 2 })
  })

  it('counts files that are damaged, which no other file makes good', () => {
    const note: ReportLine = { file: 'b.json', note: 'broken: not JSON', broken: true }
    const compared = compareReports(['a.json', 'b.json'], [line('one', 'accept'), note], [line('one', 'accept'), note])
    expect(compared).toMatchObject({ failed: 0, disagreements: 0, broken: 1 })
    expect(printComparison(compared)).toContain('1 files that are broken')
  })

  it('keeps the name of every file that holds no vectors', () => {
    const note: ReportLine = { file: 'b.json', note: 'not a proof vector file: not JSON' }
    const compared = compareReports(['a.json', 'b.json'], [line('one', 'accept'), note], [line('one', 'accept'), note])
    expect(compared.files.map(({ file, note: said }) => [file, said])).toEqual([['a.json', undefined], ['b.json', 'not a proof vector file: not JSON']])
    expect(printComparison(compared)).toContain('b.json  not a proof vector file: not JSON')
  })
})

describe('printSpeeds', () => {
  it('puts proofs beside the bare primitive', () => {
    const speed = { chain: 'ton', primitives: 'node:crypto', proofs: 3, proofsPerCpuSecond: 1_000, primitivesPerCpuSecond: 4_000 }
    expect(printSpeeds([speed])).toMatch(/ton\s+node:crypto\s+3\s+1000\s+4000\s+25 %/)
  })
})
