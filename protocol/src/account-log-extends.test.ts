import { describe, expect, it } from 'vitest'
import { deviceActor, LogStory, solanaWallet } from '../vectors/actors.js'
import { decodeEntry, emptyHead, headOf } from './account-log-entry.js'
import { extendsLog, type LogHead } from './account-log-extends.js'

const alice = solanaWallet('alice')

function storyOf(names: readonly string[]): { readonly entries: readonly Uint8Array[]; readonly heads: readonly LogHead[] } {
  const story = new LogStory(alice)
  const heads: LogHead[] = [{ seq: 0, head: emptyHead() }]
  for (const name of names) {
    story.addDevice(deviceActor(name))
    heads.push({ seq: story.state.seq, head: story.state.head })
  }
  return { entries: story.entries, heads }
}

const { entries, heads } = storyOf(['phone', 'laptop', 'tablet', 'watch'])
const fork = storyOf(['phone', 'laptop', 'ghost', 'ghost 2'])
const at = (seq: number, of = heads): LogHead => of[seq] ?? { seq: -1, head: new Uint8Array() }

describe('extendsLog', () => {
  it('accepts the same state again, the next entries, and the whole log', () => {
    expect(extendsLog(at(2), at(2), [])).toEqual({ status: 'extends', ...at(2) })
    expect(extendsLog(at(2), at(4), entries.slice(2))).toEqual({ status: 'extends', ...at(4) })
    expect(extendsLog(at(2), at(4), entries)).toEqual({ status: 'extends', ...at(4) })
    expect(extendsLog(at(0), at(4), entries)).toEqual({ status: 'extends', ...at(4) })
    expect(extendsLog(at(4), at(4), entries)).toEqual({ status: 'extends', ...at(4) })
  })

  it('accepts a page that ends before the state that the server names', () => {
    expect(extendsLog(at(1), at(4), entries.slice(1, 3))).toEqual({ status: 'extends', ...at(3) })
  })

  it('takes an older state for a roll-back', () => {
    expect(extendsLog(at(3), at(2), [])).toMatchObject({ code: 'account.log_rolled_back' })
    expect(extendsLog(at(3), at(2), entries.slice(0, 2))).toMatchObject({ code: 'account.log_rolled_back' })
  })

  it('takes a fork for a roll-back, at the known entry and behind it', () => {
    expect(extendsLog(at(3), at(3, fork.heads), [])).toMatchObject({ code: 'account.log_rolled_back' })
    expect(extendsLog(at(3), at(4, fork.heads), fork.entries)).toMatchObject({ code: 'account.log_rolled_back' })
    expect(extendsLog(at(3), at(4, fork.heads), fork.entries.slice(3))).toMatchObject({ code: 'account.log_rolled_back' })
    expect(extendsLog(at(2), at(4, fork.heads), fork.entries.slice(2))).toMatchObject({ status: 'extends' })
  })

  it('calls entries that do not chain, are left out, do not parse or go past the named state invalid', () => {
    const [first = new Uint8Array(), , third = new Uint8Array(), fourth = new Uint8Array()] = entries
    for (const shown of [[third], [first, third], [third, fourth], [new Uint8Array(3)], [first, first]]) {
      expect(extendsLog(at(1), at(4), shown)).toMatchObject({ code: 'account.log_invalid' })
    }
    expect(extendsLog(at(1), at(2), entries.slice(1))).toMatchObject({ code: 'account.log_invalid' })
    expect(extendsLog(at(1), { seq: 4, head: emptyHead() }, entries)).toMatchObject({ code: 'account.log_invalid' })
  })

  it('calls a newer state that is named and not shown withheld', () => {
    expect(extendsLog(at(2), at(4), [])).toMatchObject({ code: 'account.log_withheld' })
    expect(extendsLog(at(2), at(4), entries.slice(0, 2))).toMatchObject({ code: 'account.log_withheld' })
  })

  it('agrees with the heads that the entries give', () => {
    entries.forEach((bytes, index) => {
      expect(headOf(bytes)).toEqual(at(index + 1).head)
      expect(decodeEntry(bytes).prev).toEqual(at(index).head)
    })
  })
})
