import { describe, expect, it } from 'vitest'
import { DiskSink, HeldSink, saveStream, type SaveLimits, type SavePlace, type SaveSink } from './save-sink.js'

const LIMITS: SaveLimits = { gatheredBytesMax: 40, heldBytesMax: 100 }
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const line = (number: number): string => `{"line":${String(number).padStart(6, '0')}}\n`

/** A browser without places: what was saved, under which names, and how to let go of the last. */
function holder(): { readonly saved: { readonly name: string; readonly content: Blob }[]; readonly handOver: (content: Blob, name: string) => Promise<void>; readonly letGo: () => void } {
  const saved: { name: string; content: Blob }[] = []
  let letGo: () => void = () => undefined
  return { saved, letGo: () => { letGo() }, handOver: (content, name) => { saved.push({ name, content }); return new Promise((resolve) => { letGo = resolve }) } }
}

/** A place on disk: what was written before it was closed, and how it ended. */
function place(fails: 'never' | 'write' | 'close' = 'never'): SavePlace & { readonly writes: number[]; text: string; end: 'open' | 'closed' | 'aborted' } {
  const file = {
    writes: [] as number[], text: '', end: 'open' as 'open' | 'closed' | 'aborted',
    createWritable: async () => ({
      write: async (piece: Blob) => {
        if (fails === 'write') throw new DOMException('the disk is full', 'QuotaExceededError')
        file.writes.push(piece.size)
        file.text += await piece.text()
      },
      close: async () => {
        if (fails === 'close') throw new DOMException('the disk is full', 'QuotaExceededError')
        file.end = 'closed'
      },
      abort: async () => { file.end = 'aborted' },
    }) as unknown as FileSystemWritableFileStream, // The three methods that are used of it.
  }
  return file
}

/** A stream of `count` lines that tells how many were asked for, and whether it was ended. */
function lines(count: number): { readonly stream: ReadableStream<Uint8Array>; asked: number; ended: boolean } {
  const told = {
    asked: 0, ended: false,
    stream: new ReadableStream<Uint8Array>({
      pull(controller) {
        if (told.asked === count) controller.close()
        else controller.enqueue(bytes(line(told.asked++)))
      },
      cancel() { told.ended = true },
    }, { highWaterMark: 0 }),
  }
  return told
}

describe('a file that is saved to a place', () => {
  it('is written in pieces of about the bound, and is whole at its end alone', async () => {
    const file = place()
    expect(await saveStream(lines(50).stream, await DiskSink.open(file, LIMITS), new AbortController().signal)).toBe(1)
    expect(file.end).toBe('closed')
    expect(file.text).toBe(Array.from({ length: 50 }, (_, at) => line(at)).join(''))
    expect(Math.max(...file.writes)).toBeLessThan(LIMITS.gatheredBytesMax + line(0).length)
    expect(file.writes.length).toBeGreaterThan(10)
  })

  it.each(['write', 'close'] as const)('is given up where the disk refuses to %s, which is told as what a person can mend', async (what) => {
    const file = place(what)
    const told = lines(50)
    await expect(saveStream(told.stream, await DiskSink.open(file, LIMITS), new AbortController().signal)).rejects.toMatchObject({ code: 'client.store' })
    expect(file.end).toBe('aborted')
  })

  it('is given up, and nothing more is read, when the person goes away', async () => {
    const file = place()
    const told = lines(1_000)
    const abort = new AbortController()
    const disk = await DiskSink.open(file, LIMITS)
    const sink: SaveSink = { write: async (piece) => { await disk.write(piece); if (told.asked === 20) abort.abort() }, close: () => disk.close(), abort: () => disk.abort() }
    await expect(saveStream(told.stream, sink, abort.signal)).rejects.toMatchObject({ name: 'AbortError' })
    expect(told).toMatchObject({ asked: 20, ended: true })
    expect(file.end).toBe('aborted')
  })
})

describe('a file that the page holds until it is saved', () => {
  it('is one file under its own name where it is short, an empty one too', async () => {
    for (const count of [0, 3]) {
      const { saved, handOver } = holder()
      await saveStream(lines(count).stream, new HeldSink({ name: 'a.b.ndjson', type: 'application/x-ndjson' }, LIMITS, handOver), new AbortController().signal)
      expect(saved.map(({ name, content }) => [name, content.size, content.type])).toEqual([['a.b.ndjson', count * line(0).length, 'application/x-ndjson']])
    }
  })

  it('goes on in another file at the bound, behind a line, and holds two at a time at most', async () => {
    const { saved, handOver, letGo } = holder()
    const told = lines(22)
    const sink = new HeldSink({ name: 'export.ndjson', type: 'text/plain', cutBehind: 10 }, LIMITS, handOver)
    const done = saveStream(told.stream, sink, new AbortController().signal)
    const settled = async (): Promise<void> => { await new Promise((resolve) => setTimeout(resolve, 20)) }
    await settled()
    // Six lines are 96 bytes: the seventh begins another file, and the thirteenth waits until the first file is let go of.
    expect(saved.map(({ name }) => name)).toEqual(['export-1.ndjson'])
    expect(told.asked).toBe(13)
    for (let file = 2; file <= 4; file++) {
      letGo()
      await settled()
      expect(saved).toHaveLength(file)
    }
    expect(await done).toBe(4)
    expect(saved.map(({ content }) => content.size)).toEqual([6, 6, 6, 4].map((count) => count * line(0).length))
    expect((await Promise.all(saved.map(({ content }) => content.text()))).join('')).toBe(Array.from({ length: 22 }, (_, at) => line(at)).join(''))
  })

  it('is cut inside of a piece that has several lines, never inside of a line', async () => {
    const { saved, handOver, letGo } = holder()
    const sink = new HeldSink({ name: 'export.ndjson', type: 'text/plain', cutBehind: 10 }, LIMITS, async (content, name) => { const held = handOver(content, name); letGo(); await held })
    await sink.write(bytes('x'.repeat(30)))
    await sink.write(bytes(`${'y'.repeat(30)}\n${'z'.repeat(60)}\n`))
    expect(await sink.close()).toBe(2)
    expect(await Promise.all(saved.map(({ content }) => content.text()))).toEqual([`${'x'.repeat(30)}${'y'.repeat(30)}\n`, `${'z'.repeat(60)}\n`])
  })

  it('is refused at the bound where it may not be cut', async () => {
    for (const [cutBehind, text] of [[undefined, line(0).repeat(10)], [10, 'no end of a line '.repeat(10)]] as const) {
      const { saved, handOver } = holder()
      const sink = new HeldSink({ name: 'a.backup', type: 'text/plain', ...(cutBehind === undefined ? {} : { cutBehind }) }, LIMITS, handOver)
      await expect(sink.write(bytes(text))).rejects.toMatchObject({ code: 'too_large.file' })
      expect(saved).toEqual([])
    }
  })
})
