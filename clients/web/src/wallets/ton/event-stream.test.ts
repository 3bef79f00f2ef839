import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { EVENT_CHARS_MAX, EventStreamReader } from './event-stream.js'

const whole = (text: string): ReturnType<EventStreamReader['push']> => new EventStreamReader().push(text)

describe('a stream of server-sent events', () => {
  it('has events with names, ids and data of several lines, and comments that say nothing', () => {
    expect(whole(': hello\n\nevent: heartbeat\n\nid: 7\ndata: one\ndata:two\n\nevent:other\ndata\n\ndata: unfinished\n')).toEqual([
      { name: 'message', id: '7', data: 'one\ntwo', isTooLarge: false },
      { name: 'other', id: undefined, data: '', isTooLarge: false },
    ])
  })

  it('is the same however it is cut, and whatever its lines end with', () => {
    fc.assert(fc.property(fc.array(fc.nat({ max: 80 }), { maxLength: 20 }), fc.constantFrom('\n', '\r\n', '\r'), (cuts, end) => {
      const text = ['event: message', 'id: 1', 'data: {"from":"a"}', '', 'id: 2', 'data: x', '', ''].join(end)
      const reader = new EventStreamReader()
      const places = [0, ...cuts.map((cut) => Math.min(cut, text.length)).sort((left, right) => left - right), text.length]
      const events = places.slice(1).flatMap((place, at) => reader.push(text.slice(places[at], place)))
      // A last \r may be half of an end of line: what comes behind it tells.
      expect(events).toEqual([{ name: 'message', id: '1', data: '{"from":"a"}', isTooLarge: false }, { name: 'message', id: '2', data: 'x', isTooLarge: false }])
    }))
  })

  it('passes over what is too long, knows where it goes on, and reads what follows', () => {
    const reader = new EventStreamReader()
    const events = [...reader.push('id: 8\ndata: ')]
    for (let sent = 0; sent <= EVENT_CHARS_MAX; sent += 1_000) events.push(...reader.push('a'.repeat(1_000)))
    events.push(...reader.push('\n\nid: 9\ndata: after\n\n'))
    events.push(...reader.push(`id: 10\n${`data: ${'b'.repeat(1_000)}\n`.repeat(70)}\n`))
    expect(events).toEqual([
      { name: 'message', id: '8', data: '', isTooLarge: true }, { name: 'message', id: '9', data: 'after', isTooLarge: false }, { name: 'message', id: '10', data: '', isTooLarge: true },
    ])
  })
})
