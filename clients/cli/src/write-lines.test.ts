import { describe, expect, it } from 'vitest'
import { writeLines } from './write-lines.js'

const SAID = { type: 'message', text: 'a \u009b2J\u007f b \u202e c ü 👍 \u001b[31m\nnext' }
const LINES = `${JSON.stringify(SAID)}\n${JSON.stringify({ type: 'end' })}\n`

async function written(isTTY: boolean | undefined, piece: number): Promise<Buffer> {
  const bytes = Buffer.from(LINES)
  async function* pieces(): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < bytes.length; at += piece) yield await Promise.resolve(bytes.subarray(at, at + piece))
  }
  const parts: Buffer[] = []
  await writeLines(pieces(), {
    ...(isTTY === undefined ? {} : { isTTY }),
    write: (part, done) => {
      parts.push(Buffer.from(part))
      done()
    },
  })
  return Buffer.concat(parts)
}

describe('lines of JSON', () => {
  it('go to a file or a pipe byte by byte as they are', async () => {
    for (const isTTY of [undefined, false]) expect((await written(isTTY, 7)).equals(Buffer.from(LINES))).toBe(true)
  })

  it('hold nothing on a terminal that it would obey, wherever they are cut, and read as the same', async () => {
    for (const piece of [1, 7, 1_000]) {
      const text = (await written(true, piece)).toString('utf8')
      expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/)
      expect(text).toContain('\\u009b2J\\u007f')
      expect(JSON.parse(text.split('\n')[0] ?? '')).toEqual(SAID)
    }
  })

  it('end with the failure of who takes them', async () => {
    const failing = { write: (_part: unknown, done: (error?: Error) => void): void => { done(new Error('full')) } }
    async function* one(): AsyncGenerator<Uint8Array> { yield await Promise.resolve(Buffer.from(LINES)) }
    await expect(writeLines(one(), failing)).rejects.toThrow('full')
  })
})
