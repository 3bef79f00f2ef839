import { describe, expect, it } from 'vitest'
import { findingsOf, type FuzzFacts } from './judge.js'
import { verdictOf } from './run-schemathesis.js'
import { Tally } from './tally.js'

const ROUTE = 'GET /v1/wally/transfers/{id}'
const REPORT = { complete: true, stop_reason: 'completed', operations: { tested: 1 }, test_cases: { generated: 9 }, failures: [], errors: [] }

function facts({ report = {}, status = 200, isAlive = true, route = ROUTE }: { readonly report?: object; readonly status?: number; readonly isAlive?: boolean; readonly route?: string | undefined } = {}): FuzzFacts {
  const tally = new Tally([ROUTE])
  tally.add({ route, status, code: undefined, request: `${ROUTE} x`, answer: '{}' })
  return { verdict: verdictOf({ ...REPORT, ...report }), routes: tally.routes, failures: tally.failures, isAlive }
}

describe('a run of made-up requests', () => {
  it('holds when everything was asked and answered as described', () => {
    expect(findingsOf(facts())).toEqual([])
  })

  it.each<[string, FuzzFacts, RegExp]>([
    ['a finding', facts({ report: { failures: [{ title: 'Response violates schema', count: 2, operations: [ROUTE] }] } }), /^Response violates schema \(2\): GET/],
    ['a failure that only the front saw', facts({ status: 500 }), /^500 from GET/],
    ['no answer at all', facts({ status: 502 }), /^502 from GET/],
    ['a server that is gone', facts({ isAlive: false }), /answers no more/],
    ['a run that was cut short', facts({ report: { stop_reason: 'interrupted' } }), /did not come to its end/],
    ['a report without an end', facts({ report: { complete: false } }), /did not come to its end/],
    ['what could not be tried', facts({ report: { errors: [{ title: 'Schema Error', count: 1 }] } }), /could not do all of it: Schema Error \(1\)/],
    ['a route that was not tested', facts({ report: { operations: { tested: 0 } } }), /0 of 1 routes/],
    ['a route of which nothing was asked', facts({ route: 'GET /other' }), /nothing was asked of GET/],
  ])('does not hold with %s', (_what, seen, text) => {
    expect(findingsOf(seen)).toEqual([expect.stringMatching(text)])
  })

  it('does not hold with a report that says nothing', () => {
    expect(findingsOf({ ...facts(), verdict: verdictOf('') })).toHaveLength(2)
  })
})
