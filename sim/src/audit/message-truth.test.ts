import { describe, expect, it } from 'vitest'
import { DiskTexts } from './disk-texts.js'
import { isLater, truthOf, type SaidChange } from './message-truth.js'
import { A1, ALICE, B1, BOB } from './testing/scene.js'

const said = (order: bigint, what: SaidChange['what'], by = ALICE): SaidChange => ({ order, device: by === ALICE ? A1 : B1, number: 1, by, what })

describe('what all that was said makes of a message', () => {
  it('is its last edit and the last emoji of each account, and nothing once it was deleted', () => {
    const changes = [
      said(1n, { kind: 'edit', text: 'two' }), said(2n, { kind: 'reaction', emoji: '👍' }, BOB), said(3n, { kind: 'reaction', emoji: '😂' }), said(4n, { kind: 'edit', text: 'three' }),
      said(5n, { kind: 'reaction', emoji: '' }, BOB),
    ]
    expect(truthOf('one', changes)).toEqual({ deleted: false, text: 'three', reactions: new Map([[ALICE, '😂']]) })
    expect(truthOf('one', [said(0n, { kind: 'delete' }), ...changes])).toEqual({ deleted: true, text: '', reactions: new Map() })
  })

  it('goes by order key, device and number', () => {
    const first = said(1n, { kind: 'delete' })
    expect(isLater(said(2n, { kind: 'delete' }), first)).toBe(true)
    expect(isLater(said(1n, { kind: 'delete' }, BOB), first)).toBe(true)
    expect(isLater({ ...first, number: 2 }, first)).toBe(true)
    expect(isLater(first, { ...first, number: 2 })).toBe(false)
  })
})

describe('texts on a disk', () => {
  it('are found in any row that holds them, until it is written anew or removed', () => {
    const texts = new DiskTexts()
    const row = (text: string): Uint8Array => Buffer.concat([Buffer.from([0xff, 0x80]), Buffer.from(text), Buffer.from([0xc3])])
    texts.put('healing/1', row('§evg-1§xxx'))
    texts.put('messages/1', row('§evg-12§ and §evg-3§'))
    expect(['§evg-1§xxx', '§evg-12§', '§evg-3§', '§evg-2§'].map((text) => texts.placeOf(text))).toEqual(['healing/1', 'messages/1', 'messages/1', undefined])
    texts.put('healing/1', row('§evg-4§'))
    texts.put('messages/1', undefined)
    expect(['§evg-1§', '§evg-4§', '§evg-12§'].map((text) => texts.placeOf(text))).toEqual([undefined, 'healing/1', undefined])
  })
})
