import { FRAME_TYPE } from '@evegram/protocol'
import { describe, expect, it } from 'vitest'
import { ACCEPTED_FRAMES, nextState, SESSION_TRANSITIONS, type SessionEvent, type SessionState } from './session-states.js'

const STATES = Object.keys(ACCEPTED_FRAMES) as SessionState[]
const EVENTS = [...new Set(SESSION_TRANSITIONS.map(({ event }) => event))] as SessionEvent[]

describe('the states of a session', () => {
  it('follow the table in every state for every event, and nothing else', () => {
    for (const from of STATES) {
      for (const event of EVENTS) {
        const rows = SESSION_TRANSITIONS.filter((row) => row.from === from && row.event === event)
        expect(rows.length).toBeLessThanOrEqual(1)
        expect(nextState(from, event)).toBe(rows[0]?.to)
      }
    }
  })

  it('can all be reached, and the end is final', () => {
    const reached = new Set<SessionState>(['connected'])
    for (let grown = true; grown;) {
      const before = reached.size
      for (const { from, to } of SESSION_TRANSITIONS) if (reached.has(from)) reached.add(to)
      grown = reached.size > before
    }
    expect([...reached].sort()).toEqual([...STATES].sort())
    expect(EVENTS.map((event) => nextState('closed', event))).toEqual(EVENTS.map(() => undefined))
  })

  it('take hello first and only first, and frames of a server never', () => {
    for (const state of STATES) {
      expect(ACCEPTED_FRAMES[state].has(FRAME_TYPE.hello)).toBe(state === 'connected')
      for (const type of Object.values(FRAME_TYPE)) if (type >= 64) expect(ACCEPTED_FRAMES[state].has(type)).toBe(false)
    }
    expect([...ACCEPTED_FRAMES.connected]).toEqual([FRAME_TYPE.hello])
    expect(ACCEPTED_FRAMES.closed.size).toBe(0)
  })
})
