import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { Capture, findInFiles } from './capture.js'

const SECRET = 'the plain marker 7f3a'
const around = (bytes: Buffer): Buffer => Buffer.concat([Buffer.alloc(100, 1), bytes, Buffer.alloc(100, 2)])

describe('the search for plaintext', () => {
  it.each<readonly [string, Buffer]>([
    ['as it is', Buffer.from(SECRET)],
    ['in hex', Buffer.from(Buffer.from(SECRET).toString('hex'))],
    ['in UTF-16', Buffer.from(SECRET, 'utf16le')],
    ...[0, 1, 2].flatMap((shift) => (['base64', 'base64url'] as const).map((encoding) =>
      [`in ${encoding}, ${String(shift)} bytes in`, Buffer.from(Buffer.concat([Buffer.alloc(shift, 7), Buffer.from(`${SECRET} and more`)]).toString(encoding))] as const)),
  ])('finds it %s', (_form, bytes) => {
    const capture = new Capture()
    capture.add(around(bytes))
    expect(capture.find([SECRET, 'another text'])).toEqual([SECRET])
  })

  it('finds nothing in other bytes', () => {
    const capture = new Capture()
    capture.add(around(Buffer.from(Buffer.from(SECRET).map((byte) => byte ^ 1))))
    expect(capture.find([SECRET])).toEqual([])
  })

  it('looks into every file of a folder', () => {
    const folder = mkdtempSync(join(tmpdir(), 'evegram-search-'))
    try {
      writeFileSync(join(folder, 'a.mdb'), around(Buffer.from(SECRET)))
      expect(findInFiles(folder, [SECRET, 'nothing'])).toEqual([SECRET])
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})
