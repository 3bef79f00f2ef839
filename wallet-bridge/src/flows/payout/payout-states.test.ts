import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { PAYOUT_REASONS } from './payout-reason.js'
import {
  ATTENDED_STATES, ENDED_STATES, IN_FLIGHT_STATES, isOneOf, parsePayoutState, PAYOUT_STATES, PAYOUT_TRANSITIONS, stateAfter, WORKED_STATES, type PayoutEvent,
} from './payout-states.js'

const page = readFileSync(fileURLToPath(new URL('../../../../docs/payouts.md', import.meta.url)), 'utf8')

/** What stands between the marks of a generated table. */
function tableOf(name: string): string {
  const [begin, end] = [`<!-- generated:${name} -->\n`, `<!-- /generated:${name} -->`]
  return page.slice(page.indexOf(begin) + begin.length, page.indexOf(end))
}

const states = PAYOUT_STATES.map(([state]) => state)
const events = [...new Set(PAYOUT_TRANSITIONS.map(([, event]) => event))]
const targetsOf = (state: string): readonly string[] => PAYOUT_TRANSITIONS.filter(([from]) => from === state).map(([, , to]) => to)

function reachable(from: string, without: readonly string[] = []): ReadonlySet<string> {
  const seen = new Set([from])
  for (const state of seen) for (const to of targetsOf(state)) if (!without.includes(to)) seen.add(to)
  return seen
}

describe('the states of a payout', () => {
  it('go on by the table alone: every state with every event', () => {
    for (const state of states) {
      for (const event of events) {
        const rows = PAYOUT_TRANSITIONS.filter(([from, what]) => from === state && what === event)
        expect(rows.length, `${state} ${event}`).toBeLessThanOrEqual(1)
        expect(stateAfter(state, event), `${state} ${event}`).toBe(rows[0]?.[2])
      }
    }
    expect(stateAfter('paid', 'sign' satisfies PayoutEvent)).toBeUndefined()
  })

  it('all come up, and all lead to an end', () => {
    expect([...reachable('requested')].sort()).toEqual([...states].sort())
    for (const state of states) expect([...reachable(state)].some((end) => ENDED_STATES.some((ended) => ended === end)), state).toBe(true)
    for (const state of ENDED_STATES) expect(targetsOf(state)).toEqual([])
  })

  it('reach paid without a person only through a reservation, a signature and a known end', () => {
    for (const needed of ['reserved', 'signed', 'settling']) expect(reachable('requested', [needed, 'needs_operator']).has('paid'), needed).toBe(false)
    expect(PAYOUT_TRANSITIONS.filter(([, , to]) => to === 'paid')).toEqual([['settling', 'book_paid', 'paid']])
  })

  it('sign again only when what was signed has expired', () => {
    expect(PAYOUT_TRANSITIONS.filter(([, event]) => event === 'sign').map(([from]) => from)).toEqual(['reserved', 'expired'])
    expect(PAYOUT_TRANSITIONS.filter(([, , to]) => to === 'reserved').map(([from]) => from)).toEqual(['reserving'])
  })

  it('cannot be refused by a person while something is in flight', () => {
    for (const state of IN_FLIGHT_STATES) expect(stateAfter(state, 'refuse')).toBeUndefined()
    // Nor is anything released from there: a hold ends by a known end alone.
    for (const state of IN_FLIGHT_STATES) expect(targetsOf(state)).not.toContain('releasing')
  })

  it('are each worked on, attended or ended', () => {
    for (const state of states) expect([isOneOf(state, WORKED_STATES), isOneOf(state, ATTENDED_STATES), isOneOf(state, ENDED_STATES)].filter(Boolean), state).toHaveLength(1)
    expect(() => parsePayoutState('done')).toThrow()
  })
})

describe('docs/payouts.md', () => {
  it('has the states', () => {
    expect(tableOf('payout-states')).toBe(['| state | |', '|---|---|', ...PAYOUT_STATES.map(([state, text]) => `| \`${state}\` | ${text} |`), ''].join('\n'))
  })

  it('has what leads from one to the next', () => {
    const rows = PAYOUT_TRANSITIONS.map(([from, event, to]) => `| \`${from}\` | \`${event}\` | \`${to}\` |`)
    expect(tableOf('payout-transitions')).toBe(['| from | event | to |', '|---|---|---|', ...rows, ''].join('\n'))
  })

  it('has the reasons', () => {
    expect(tableOf('payout-reasons')).toBe(['| reason | |', '|---|---|', ...PAYOUT_REASONS.map(([reason, text]) => `| \`${reason}\` | ${text} |`), ''].join('\n'))
  })
})
