import { describe, expect, it } from 'vitest'
import { judgeRound } from './judge.js'

const replayed = '401 proof.replayed'

describe('a round of copies of one proof', () => {
  it('holds with one winner', () => {
    expect(judgeRound({ answers: ['201', replayed, '409 conflict.log_head'], later: replayed, entries: 1 }, false)).toEqual([])
    expect(judgeRound({ answers: ['503 unavailable.store', 'no answer', replayed], later: replayed, entries: 1 }, true)).toEqual([])
    expect(judgeRound({ answers: ['no answer'], later: '201', entries: 1 }, true)).toEqual([])
  })

  it.each([
    ['two winners', { answers: ['201', '201'], later: replayed, entries: 1 }, true],
    ['no winner', { answers: [replayed, replayed], later: replayed, entries: 1 }, false],
    ['a late winner behind a winner', { answers: ['201', replayed], later: '201', entries: 1 }, true],
    ['two entries', { answers: ['201', replayed], later: replayed, entries: 2 }, true],
    ['an entry that vanished', { answers: ['201', replayed], later: replayed, entries: 0 }, true],
    ['no answer without a fault', { answers: ['201', 'no answer'], later: replayed, entries: 1 }, false],
    ['an answer that is none of these', { answers: ['201', '400 invalid.request'], later: replayed, entries: 1 }, true],
    ['a late answer that decides nothing', { answers: ['201', replayed], later: '503 unavailable.store', entries: 1 }, true],
  ])('breaks with %s', (_name, round, faulty) => {
    expect(judgeRound(round, faulty)).not.toEqual([])
  })
})
