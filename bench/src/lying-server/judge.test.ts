import { describe, expect, it } from 'vitest'
import { HONEST, judgeLie } from './judge.js'

const refused = { what: 'a ghost device', expected: 'account.log_invalid', got: 'account.log_invalid' }
const honest = { what: HONEST, expected: 'goes on', got: 'goes on' }

describe('the judge of lies', () => {
  it('finds nothing where the lie was refused by its code, nothing leaked and the conversation went on', () => {
    expect(judgeLie([refused, honest], [])).toEqual([])
  })

  it('finds a lie that was believed, or refused for another reason', () => {
    expect(judgeLie([{ ...refused, got: 'succeeded' }, honest], [])).toEqual(['a ghost device: expected account.log_invalid, got succeeded'])
  })

  it('finds a conversation that did not go on, or was not tried', () => {
    expect(judgeLie([refused, { ...honest, got: 'threw' }], [])).toHaveLength(1)
    expect(judgeLie([refused], [])).toEqual(['no honest conversation was tried afterwards'])
    expect(judgeLie([honest], [])).toEqual(['no lie was told'])
  })

  it('finds plaintext', () => {
    expect(judgeLie([refused, honest], ['secret'])).toEqual(['plaintext where it must not be: "secret"'])
  })
})
