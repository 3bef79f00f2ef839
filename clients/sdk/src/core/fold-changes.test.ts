import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { messageIdOf, parseAccountId, parseConversationId, parseDeviceId, type AccountId } from '@evegram/protocol'
import { EDITORS_WAITING_MAX, foldChanges, withChange, type Change } from './fold-changes.js'
import type { Message } from './message.js'
import { decodeMessage, encodeMessage } from './message-row.js'
import { decodeChanges, encodeChanges, NO_CHANGES, type MessageChanges } from './message-changes.js'
import { moved, withdrawn } from './register.js'

const accounts = ['a', 'b', 'c'].map((digit) => parseAccountId(digit.repeat(32)))
const [author, other] = accounts as [AccountId, AccountId, AccountId] // three were made
const device = parseDeviceId('1'.repeat(32))
const key = { conversation: parseConversationId('9'.repeat(32)), device, epoch: 1, number: 5 }
const said: Message = {
  messageId: messageIdOf(key), conversation: key.conversation, from: 'address', fromAccount: author, fromDevice: device, direction: 'in', kind: 'text', text: 'first',
  order: 50n, epoch: 1, number: 5, sentAtMs: 1, receivedAtMs: 2, state: 'received', arrival: 1,
}

const place = fc.record({ order: fc.bigInt({ min: 51n, max: 60n }), device: fc.constantFrom(device, parseDeviceId('2'.repeat(32))), epoch: fc.constant(1), number: fc.integer({ min: 6, max: 40 }) })
const by = fc.constantFrom(...accounts)
const change: fc.Arbitrary<Change> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('edit' as const), by, said: fc.record({ place, open: fc.constant(false), value: fc.record({ text: fc.constantFrom('x', 'y', 'z'), atMs: fc.nat() }) }) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('reaction' as const), by, said: fc.record({ place, open: fc.constant(false), value: fc.constantFrom('👍', '❤️', '') }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('delete' as const), by, any: fc.boolean() }) },
)
/** A message of a device has one number in its chain, and says one thing. */
const placeKey = (one: Change): string => (one.kind === 'delete' ? `${one.by} ${String(one.any)}` : `${one.said.place.device} ${String(one.said.place.number)}`)
const changes = fc.uniqueArray(change, { maxLength: 8, selector: placeKey })

function take(known: MessageChanges, one: Change): MessageChanges {
  const next = withChange(known, one)
  if (next === undefined) throw new Error('no room')
  return decodeChanges(encodeChanges(next))
}

/** What is shown when the message comes after `before` and before `after`, and every row goes to the store and back. */
function shown(before: readonly Change[], after: readonly Change[], message = said): Message {
  let state = foldChanges(message, before.reduce(take, NO_CHANGES))
  for (const one of after) state = foldChanges(decodeMessage(encodeMessage(state.message)), take(state.changes, one))
  return state.message
}

describe('what is said about a message', () => {
  it('shows the same in whatever order it comes, before the message or behind it', () => {
    fc.assert(fc.property(changes.chain((all) => fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length }), fc.nat({ max: all.length }))), ([all, shuffled, at]) => {
      expect(shown(shuffled.slice(0, at), shuffled.slice(at))).toEqual(shown(all, []))
    }), { numRuns: 2_000 })
  })

  it('replaces what stands under files as it does a text, leaves the files, and changes nothing of a payment', () => {
    fc.assert(fc.property(changes.filter((all) => all.every(({ kind }) => kind === 'edit')), (all) => {
      const text = shown([], all)
      const files = { ...said, kind: 'files' as const }
      expect(shown([], all, files)).toEqual({ ...text, kind: 'files' })
      expect(shown(all, [], { ...files, text: '' }).text).toBe(text.editedAtMs === undefined ? '' : text.text)
      expect(shown([], all, { ...said, kind: 'payment' })).toEqual({ ...said, kind: 'payment' })
    }))
  })

  it('is what the rules of the protocol say, reckoned in another way', () => {
    fc.assert(fc.property(changes, (all) => {
      const rank = (one: Change): string => (one.kind === 'delete' ? '' : `${one.said.place.order.toString().padStart(4, '0')} ${one.said.place.device} ${String(one.said.place.number).padStart(4, '0')}`)
      const sorted = [...all].sort((left, right) => (rank(left) < rank(right) ? -1 : 1))
      const message = shown([], all)
      const isDeleted = all.some((one) => one.kind === 'delete' && (one.any || one.by === author))
      expect(message.deleted === true).toBe(isDeleted)
      if (isDeleted) {
        expect([message.text, message.reactions, message.editedAtMs]).toEqual(['', undefined, undefined])
        return
      }
      const edit = sorted.findLast((one) => one.kind === 'edit' && one.by === author)
      expect(message.text).toBe(edit?.kind === 'edit' ? edit.said.value.text : 'first')
      const expected = accounts.flatMap((account) => {
        const last = sorted.findLast((one) => one.kind === 'reaction' && one.by === account)
        return last?.kind === 'reaction' && last.said.value !== '' ? [`${account} ${last.said.value}`] : []
      })
      expect((message.reactions ?? []).flatMap(({ emoji, by: people }) => people.map((account) => `${account} ${emoji}`)).sort()).toEqual(expected.sort())
    }), { numRuns: 1_000 })
  })

  it('comes back when what was said here is withdrawn, and moves when it gets another place', () => {
    const edit = (order: bigint, number: number, text: string, open: boolean): Change => ({ kind: 'edit', by: author, said: { place: { order, device, epoch: 1, number }, open, value: { text, atMs: number } } })
    const own = { device, epoch: 1, number: 8 }
    const registerOf = (known: MessageChanges): NonNullable<ReturnType<MessageChanges['edits']['get']>> => known.edits.get(author) ?? []
    const stood = foldChanges(said, take(NO_CHANGES, edit(60n, 6, 'stands', false)))
    const open = foldChanges(stood.message, take(stood.changes, edit(90n, 8, 'open', true)))
    expect([open.message.text, open.message.editedAtMs]).toEqual(['open', 8])
    // Somebody else's device says something that lies between.
    const between = foldChanges(open.message, take(open.changes, edit(70n, 7, 'between', false)))
    expect(between.message.text).toBe('open')
    const after = (register: MessageChanges['edits'] extends ReadonlyMap<AccountId, infer Register> ? Register : never): Message =>
      foldChanges(between.message, { ...between.changes, edits: new Map([[author, register]]) }).message
    expect(after(withdrawn(registerOf(between.changes), own))).toMatchObject({ text: 'between', editedAtMs: 7 })
    expect(after(moved(registerOf(between.changes), own, 65n))).toMatchObject({ text: 'between', editedAtMs: 7 })
    expect(foldChanges(between.message, take(between.changes, edit(90n, 8, 'open', false))).message).toMatchObject({ text: 'open', editedAtMs: 8 })
    const first = foldChanges(said, take(NO_CHANGES, edit(90n, 8, 'open', true)))
    const back = foldChanges(first.message, { ...first.changes, edits: new Map([[author, withdrawn(registerOf(first.changes), own)]]) })
    expect([back.message, back.changes.edits.size]).toEqual([said, 0])
  })

  it('keeps no text of an edit that stands beside the row, and none at all of what is deleted', () => {
    const text = 'a secret that is long enough to be found'
    const edited = foldChanges(said, take(NO_CHANGES, { kind: 'edit', by: author, said: { place: { order: 60n, device, epoch: 1, number: 6 }, open: false, value: { text, atMs: 6 } } }))
    expect([edited.message.text, holds(encodeChanges(edited.changes), text)]).toEqual([text, false])
    const waiting = take(NO_CHANGES, { kind: 'edit', by: author, said: { place: { order: 60n, device, epoch: 1, number: 6 }, open: false, value: { text, atMs: 6 } } })
    expect(holds(encodeChanges(waiting), text)).toBe(true)
    const gone = foldChanges(said, take(waiting, { kind: 'delete', by: author, any: false }))
    expect([holds(encodeMessage(gone.message), 'first'), holds(encodeChanges(gone.changes), text)]).toEqual([false, false])
  })

  it('has room for the edits of so many accounts while it is not known whose the message is, and no more', () => {
    const edits = Array.from({ length: EDITORS_WAITING_MAX + 1 }, (_, index): Change => ({
      kind: 'edit', by: parseAccountId(index.toString(16).padStart(32, '0')), said: { place: { order: 60n, device, epoch: 1, number: index + 6 }, open: false, value: { text: 'x', atMs: 1 } },
    }))
    const full = edits.slice(0, EDITORS_WAITING_MAX).reduce(take, NO_CHANGES)
    expect(edits.map((edit) => withChange(full, edit) !== undefined)).toEqual([...edits.slice(1).map(() => true), false])
    expect(foldChanges({ ...said, fromAccount: other }, full).changes.edits.size).toBe(0)
  })
})

function holds(bytes: Uint8Array, text: string): boolean {
  return Buffer.from(bytes).includes(text)
}
