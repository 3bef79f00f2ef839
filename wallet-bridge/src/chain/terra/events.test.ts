import { describe, expect, it } from 'vitest'
import { eventsOfNode, movesOf } from './events.js'

type Line = readonly [key: string, value: string | null]
const base64 = (text: string): string => Buffer.from(text).toString('base64')
const event = (type: string, ...lines: readonly Line[]): object => ({ type, attributes: lines.map(([key, value]) => ({ key, value, index: true })) })
const encoded = (type: string, ...lines: readonly Line[]): object => event(type, ...lines.map(([key, value]): Line => [base64(key), value === null ? null : base64(value)]))

describe('events of a node', () => {
  it('are the same whether it writes them plain or, as before Tendermint 0.37, in base64', () => {
    const told = (write: typeof event): unknown => eventsOfNode([
      write('coin_spent', ['spender', 'terra1a'], ['amount', '5uluna']), write('tx', ['fee', '5uluna']), write('wasm', ['contract_address', 'terra1c'], ['note', null]), write('message'),
    ])
    expect(told(encoded)).toEqual(told(event))
    expect(told(event)).toContainEqual({ type: 'wasm', attributes: [{ key: 'contract_address', value: 'terra1c' }, { key: 'note', value: '' }] })
  })

  it('are read by what the chain itself wrote: no line of a contract makes plain ones base64, nor the other way', () => {
    const plain = [event('tx', ['fee', '5uluna']), event('wasm', ['c3BlbmRlcg==', 'eA=='], ['spender', 'x'])]
    expect(eventsOfNode(plain)[1]?.attributes).toEqual([{ key: 'c3BlbmRlcg==', value: 'eA==' }, { key: 'spender', value: 'x' }])
    const old = [encoded('tx', ['fee', '5uluna']), encoded('wasm', ['spender', 'x'], ['fee', 'y'])]
    expect(eventsOfNode(old)[1]?.attributes).toEqual([{ key: 'spender', value: 'x' }, { key: 'fee', value: 'y' }])
  })

  it.each([
    ['no list', {}], ['too long a list', Array.from({ length: 100_001 }, () => event('x'))], ['no event', [5]], ['a type that is none', [{ type: 5, attributes: [] }]],
    ['lines that are no list', [{ type: 'x', attributes: {} }]], ['a line that is no text', [event('x', ['a', 5 as unknown as string])]],
    ['a plain line among some in base64', [encoded('tx', ['fee', '5uluna']), event('coin_spent', ['spender', 'terra1a'])]],
  ])('are refused when they are %s', (_what, value) => {
    expect(() => eventsOfNode(value)).toThrow()
  })

  it('of money that begin in a way that is not known are not passed over', () => {
    const moved = (first: string): unknown => movesOf(eventsOfNode([event('coin_received', [first, 'terra1a'], ['amount', '5uluna'])]))
    expect(moved('receiver')).toEqual([{ holder: 'terra1a', name: 'uluna', kind: 'coin', delta: 5n, place: 0 }])
    expect(moved('recipient')).toBeUndefined()
    expect(moved(base64('recipient'))).toBeUndefined()
  })
})
