import { describe, expect, it } from 'vitest'
import { decodeTinode } from './tinode-messages.js'

describe('what Tinode says', () => {
  it('is read as its documentation shows it', () => {
    expect(decodeTinode('{"ctrl":{"id":"1a2b3","topic":"grp1XUtEhjv6HND","code":202,"text":"accepted","params":{"seq":123},"ts":"2015-10-06T18:07:30.038Z"}}'))
      .toEqual([{ kind: 'control', id: '1a2b3', code: 202, text: 'accepted', topic: 'grp1XUtEhjv6HND', params: { seq: 123 } }])
    expect(decodeTinode('{"data":{"topic":"grp1XUtEhjv6HND","from":"usr2il9suCbuko","ts":"2015-10-06T18:07:30.038Z","seq":123,"content":"aGk="}}'))
      .toEqual([{ kind: 'data', topic: 'grp1XUtEhjv6HND', from: 'usr2il9suCbuko', content: 'aGk=' }])
    expect(decodeTinode('{"pres":{"topic":"me","src":"usr2il9suCbuko","what":"on"}}')).toEqual([{ kind: 'other' }])
  })

  it('may be several messages in a frame, and fields of another type than is documented are none', () => {
    expect(decodeTinode('{"ctrl":{"code":"x","id":5}}\n{"data":null}\n')).toEqual([{ kind: 'control', id: '', code: 0, text: '', topic: '', params: {} }, { kind: 'data', topic: '', from: '', content: '' }])
    expect(() => decodeTinode('{')).toThrow(SyntaxError)
  })
})
