import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { sha256 } from '@noble/hashes/sha2.js'
import { concatBytes, equalBytes, utf8 } from '@evegram/protocol'
import { acceptLink, awaitedRanges, emptyChain, isIncomplete, joinChain, missingRanges, nameMissing, nameNumber, type ChainState, type ReceivedLink } from './chain-state.js'

/** A chain of `length` links that says `text`, from `from` on. */
function chainOf(length: number, text = 'a', from = 1, before: Uint8Array = new Uint8Array(32)): ReceivedLink[] {
  const links: ReceivedLink[] = []
  let prev = before
  for (let number = from; number < from + length; number++) {
    const hash = sha256(concatBytes(prev, utf8(`${text}${String(number)}`)))
    links.push({ number, hash, prev })
    prev = hash
  }
  return links
}

function accept(state: ChainState, link: ReceivedLink, start?: Parameters<typeof acceptLink>[2]): ChainState {
  const result = acceptLink(state, link, start)
  if (!('state' in result)) throw new Error(`refused: ${result.status}`)
  return result.state
}

const at = (links: readonly ReceivedLink[], number: number): ReceivedLink => {
  const link = links.find((candidate) => candidate.number === number)
  if (link === undefined) throw new Error('no such link')
  return link
}

describe('a chain', () => {
  it('ends at the same head whatever order its links arrive in, duplicates included', () => {
    fc.assert(fc.property(fc.integer({ min: 1, max: 12 }).chain((length) => fc.tuple(
      fc.constant(length), fc.shuffledSubarray([...Array(length).keys()], { minLength: length }), fc.array(fc.nat(length - 1), { maxLength: 8 }),
    )), ([length, order, again]) => {
      const links = chainOf(length)
      let state = emptyChain()
      for (const index of order) state = accept(state, at(links, index + 1))
      for (const index of again) expect(['known', 'stale']).toContain(acceptLink(state, at(links, index + 1)).status)
      expect(state.head.number).toBe(length)
      expect(equalBytes(state.head.hash, at(links, length).hash)).toBe(true)
      expect(state.ahead).toEqual([])
      expect(state.joinedAt).toBe(1)
    }))
  })

  it('names exactly what is missing, and takes a late copy into its place', () => {
    fc.assert(fc.property(fc.integer({ min: 2, max: 12 }).chain((length) => fc.tuple(
      fc.constant(length), fc.subarray([...Array(length - 1).keys()].map((index) => index + 1)),
    )), ([length, lost]) => {
      const links = chainOf(length)
      let state = emptyChain()
      for (const link of links) if (!lost.includes(link.number)) state = accept(state, link)
      const missing = missingRanges(state).flatMap(({ from, to }) => [...Array(to - from + 1).keys()].map((index) => from + index))
      expect(missing).toEqual(lost)
      const named = nameMissing(state, 'withheld')
      state = named.state
      expect(state.head.number).toBe(length)
      for (const number of lost) {
        const forged = acceptLink(state, { ...at(links, number), hash: new Uint8Array(32).fill(1), prev: new Uint8Array(32).fill(2) })
        expect(forged.status).toBe('broken')
        const late = acceptLink(state, at(links, number))
        expect(late.status).toBe('filled')
        if (late.status === 'filled') state = late.state
      }
      expect(state.gaps).toEqual([])
    }))
  })

  it('has one name for each number that is missing, whatever is named by itself, named together, and comes late', () => {
    const step = fc.oneof(
      fc.record({ does: fc.constant('come' as const), number: fc.integer({ min: 1, max: 12 }) }),
      fc.record({ does: fc.constant('name' as const), number: fc.integer({ min: 1, max: 12 }) }),
      fc.constant({ does: 'name all' as const, number: 0 }),
    )
    fc.assert(fc.property(fc.array(step, { maxLength: 30 }), fc.option(fc.integer({ min: 1, max: 6 }), { nil: undefined }), (steps, joinsAt) => {
      const links = chainOf(12)
      const came = new Set<number>()
      const named = new Set<number>()
      const start = joinsAt === undefined ? undefined : { number: joinsAt, prev: joinsAt === 1 ? new Uint8Array(32) : at(links, joinsAt - 1).hash }
      let state = emptyChain()
      for (const { does, number } of steps) {
        if (does === 'name') {
          const next = nameNumber(state, number, 'unreadable')
          if (next !== undefined) named.add(number)
          state = next ?? state
        } else if (does === 'name all') state = nameMissing(state, 'withheld').state
        else if (!came.has(number) && (joinsAt === undefined || number >= joinsAt)) {
          state = accept(state, at(links, number), start)
          came.add(number)
        }
      }
      const newest = Math.max(0, ...came)
      for (let number = 1; number <= 12; number++) {
        const names = state.gaps.filter(({ from, to }) => from <= number && number <= to)
        const isOpen = missingRanges(state).some(({ from, to }) => from <= number && number <= to)
        expect(names.length).toBeLessThanOrEqual(1)
        if (came.has(number)) expect([names, isOpen]).toEqual([[], false])
        else if (named.has(number)) expect(names.length).toBe(1)
        else if (number < newest) expect(names.length === 1 || isOpen).toBe(true)
      }
      // What is missing still finds its place, and then nothing has a name.
      for (const link of links) if (!came.has(link.number) && (joinsAt === undefined || link.number >= joinsAt)) state = accept(state, link, start)
      if (joinsAt === undefined || came.size > 0) expect([state.head.number, state.ahead, state.gaps.filter(({ reason }) => reason !== 'before_you_joined')]).toEqual([12, [], []])
    }), { numRuns: 400 })
  })

  it('accuses nobody of what lies between two words of its sender before anything came', () => {
    const links = chainOf(8)
    const startAt = (number: number): { number: number; prev: Uint8Array } => ({ number, prev: at(links, number - 1).hash })
    const joined = joinChain(joinChain(emptyChain(), startAt(6)), startAt(4))
    expect([joined.joinedAt, joined.head.number, joined.gaps.map(({ from, to, reason }) => [from, to, reason])]).toEqual([4, 3, [[1, 3, 'before_you_joined']]])
    let state = joined
    for (const number of [4, 5, 6]) state = accept(state, at(links, number))
    expect([state.head.number, state.gaps.map(({ to }) => to)]).toEqual([6, [3]])
    // Once something came, what the sender was to send before it is awaited, and missing when it does not come.
    const late = joinChain(accept(joinChain(emptyChain(), startAt(6)), at(links, 6)), startAt(4))
    expect([isIncomplete(late), awaitedRanges(late).map(({ from, to }) => [from, to])]).toEqual([true, [[4, 5]]])
    const { state: after, named } = nameMissing(late, 'withheld')
    expect(after.gaps.map(({ from, to, reason }) => [from, to, reason])).toEqual([[1, 3, 'before_you_joined'], [4, 5, 'withheld']])
    expect([named.map(({ from, to, reason }) => [from, to, reason]), isIncomplete(after)]).toEqual([[[4, 5, 'withheld']], false])
    // One of them came and cannot be read.
    const unreadable = nameNumber(late, 4, 'unreadable') ?? expect.fail('a name')
    expect([nameNumber(unreadable, 4, 'withheld'), awaitedRanges(unreadable).map(({ from, to }) => [from, to])]).toEqual([undefined, [[5, 5]]])
    let healed = nameMissing(unreadable, 'withheld').state
    for (const number of [5, 4]) healed = accept(healed, at(links, number))
    expect(healed.gaps.map(({ from, to }) => [from, to])).toEqual([[1, 3]])
  })

  it('refuses another message under a number that was taken', () => {
    const links = chainOf(3)
    const other = chainOf(3, 'b')
    let state = accept(emptyChain(), at(links, 1))
    expect(acceptLink(state, at(other, 1)).status).toBe('broken')
    expect(acceptLink(state, at(other, 2)).status).toBe('broken')
    state = accept(state, at(links, 3))
    expect(acceptLink(state, at(other, 3)).status).toBe('broken')
    // Links to the head, but not to what was shown behind it.
    expect(acceptLink(state, { ...at(other, 2), prev: at(links, 1).hash }).status).toBe('broken')
  })

  it('starts where the sender says, once', () => {
    const links = chainOf(8)
    const start = { number: 5, prev: at(links, 4).hash }
    const state = accept(emptyChain(), at(links, 5), start)
    expect(state.head.number).toBe(5)
    expect(missingRanges(state)).toEqual([])
    const moved = acceptLink(state, at(links, 7), { number: 7, prev: at(links, 6).hash })
    expect(moved.status).toBe('pending')
  })

  it('takes what the sender left this device out of, and sends it afterwards', () => {
    const links = chainOf(5)
    const startAt = (number: number): { number: number; prev: Uint8Array } => ({ number, prev: at(links, number).prev })
    const joined = accept(accept(emptyChain(), at(links, 4), startAt(4)), at(links, 5))
    const forged = { ...at(links, 3), hash: new Uint8Array(32).fill(1) }
    expect(acceptLink(joined, forged, startAt(3)).status).toBe('broken')
    const next = acceptLink(joined, at(links, 3), startAt(3))
    expect(next).toMatchObject({ status: 'filled', state: { joinedAt: 3, gaps: [{ from: 1, to: 2, reason: 'before_you_joined' }] } })
    // Two of them, the earlier one first: the other is awaited now.
    const earlier = acceptLink(joined, at(links, 2), startAt(2))
    if (earlier.status !== 'filled') throw new Error(earlier.status)
    expect(earlier.state.gaps.map(({ from, to, reason }) => [from, to, reason])).toEqual([[1, 1, 'before_you_joined'], [3, 3, 'before_you_joined']])
    expect(awaitedRanges(earlier.state).map(({ from, to }) => [from, to])).toEqual([[3, 3]])
    const both = acceptLink(earlier.state, at(links, 3))
    expect([both.status, both.status === 'filled' && isIncomplete(both.state)]).toEqual(['filled', false])
  })

  it('learns from a late start that what it missed was sent before it joined', () => {
    const links = chainOf(6)
    let state = accept(emptyChain(), at(links, 6))
    state = nameMissing(state, 'withheld').state
    const late = acceptLink(state, at(links, 4), { number: 4, prev: at(links, 3).hash })
    expect(late.status).toBe('filled')
    if (late.status !== 'filled') return
    expect(late.state.gaps.map(({ from, to, reason }) => ({ from, to, reason }))).toEqual([
      { from: 1, to: 3, reason: 'before_you_joined' }, { from: 5, to: 5, reason: 'withheld' },
    ])
  })

  it('refuses a start behind the message that carries it, and number 0', () => {
    const links = chainOf(3)
    expect(acceptLink(emptyChain(), at(links, 2), { number: 3, prev: at(links, 2).hash }).status).toBe('broken')
    expect(acceptLink(emptyChain(), { number: 0, hash: new Uint8Array(32), prev: new Uint8Array(32) }).status).toBe('broken')
  })
})
