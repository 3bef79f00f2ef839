import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { readMeasureOptions, wrongUsage } from './measure-options.js'

const USAGE = { help: 'npm run it -- [--days 30] [--on all]', numbers: { days: [30, 1, 400], seed: [0, 0, 4_294_967_295] }, texts: { on: 'all' } } as const

describe('the command line of a program that measures', () => {
  const said: string[] = []
  beforeEach(() => {
    said.length = 0
    for (const name of ['log', 'error'] as const) vi.spyOn(console, name).mockImplementation((text: string) => { said.push(text) })
    vi.spyOn(process, 'exit').mockImplementation((code) => { throw new Error(`exit ${String(code)}`) })
  })
  afterEach(() => { vi.restoreAllMocks() })

  it('gives what was asked for, and what is usual for the rest', () => {
    expect(readMeasureOptions([], USAGE)).toEqual({ days: 30, seed: 0, on: 'all', json: false })
    expect(readMeasureOptions(['--days', '7', '--on=one', '--json'], USAGE)).toEqual({ days: 7, seed: 0, on: 'one', json: true })
    expect(readMeasureOptions(['--days', '400'], { help: '', numbers: { days: [1, 1, 400] } })).toEqual({ days: 400, json: false })
    const flagged = { help: '', numbers: {}, flags: ['cold', 'dry'] } as const
    expect(readMeasureOptions(['--dry'], flagged)).toEqual({ cold: false, dry: true, json: false })
  })

  it.each([['--days', '0'], ['--days', '401'], ['--days', '1.5'], ['--days', ''], ['--days', 'x'], ['--seed', '-1'], ['--weeks', '1'], ['--days'], ['7']])('refuses %s %s', (...args) => {
    expect(() => readMeasureOptions(args, USAGE)).toThrow('exit 2')
    expect(said.join('\n')).toContain(USAGE.help)
  })

  it('prints its help', () => {
    expect(() => readMeasureOptions(['-h'], USAGE)).toThrow('exit 0')
    expect(said).toEqual([USAGE.help])
    expect(() => wrongUsage('More is less.', USAGE.help)).toThrow('exit 2')
    expect(said[1]).toBe(`More is less.\n\n${USAGE.help}`)
  })
})
