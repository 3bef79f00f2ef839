import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { describe, expect, it } from 'vitest'
import { runLanes, type Step, type StepOutput } from '../testing/run-lanes.mjs'

const NEVER = new AbortController().signal

/** A promise, and what settles it. */
function deferred<T>(): { readonly promise: Promise<T>; readonly resolve: (value: T) => void; readonly reject: (error: Error) => void } {
  let settle: { resolve: (value: T) => void; reject: (error: Error) => void } | undefined
  const promise = new Promise<T>((resolve, reject) => { settle = { resolve, reject } })
  return { promise, resolve: (value) => settle?.resolve(value), reject: (error) => settle?.reject(error) }
}

/** A step that ends when the test says so. */
function held(name: string): Step & { readonly begun: Promise<StepOutput>; readonly end: (error?: Error) => void } {
  const begun = deferred<StepOutput>()
  const ended = deferred<undefined>()
  return {
    name, begun: begun.promise,
    end: (error) => { if (error === undefined) ended.resolve(undefined); else ended.reject(error) },
    work: async (output) => {
      begun.resolve(output)
      await ended.promise
    },
  }
}

/** Lets a process write `text` where a step's processes write. */
async function written({ output }: StepOutput, text: string): Promise<void> {
  const child = spawn(process.execPath, ['-e', 'process.stdout.write(process.argv[1]); process.stderr.write("!")', text], { stdio: ['ignore', output ?? 'ignore', output ?? 'ignore'] })
  await once(child, 'exit')
}

/** What was printed, without the times. */
const said = (lines: readonly string[]): string[] => lines.map((line) => line.trim().replace(/ \(\d+\.\d s\)$/, ' (time)'))

describe('lanes of steps', () => {
  it('run beside each other, and in each lane one behind the other', async () => {
    const [a, b, c] = [held('a'), held('b'), held('c')]
    let isOver = false
    const done = runLanes([[a, b], [c]], { abort: NEVER, print: () => undefined }).then((failed) => {
      isOver = true
      return failed
    })
    await Promise.all([a.begun, c.begun])
    await expect(Promise.race([b.begun, Promise.resolve('waits')])).resolves.toBe('waits')
    a.end()
    await b.begun
    b.end()
    await new Promise(setImmediate)
    expect(isOver).toBe(false)
    c.end()
    await expect(done).resolves.toEqual([])
  })

  it('print what a step and its processes said in one piece, when it has ended', async () => {
    const lines: string[] = []
    const [a, b] = [held('a'), held('b')]
    const done = runLanes([[a], [b]], { abort: NEVER, print: (line) => lines.push(line) })
    const [toA, toB] = await Promise.all([a.begun, b.begun])
    toA.print('first of a')
    await written(toB, 'a process of b')
    await written(toA, 'a process of a')
    b.end()
    await new Promise(setImmediate)
    a.end()
    await done
    expect(said(lines)).toEqual(['-- a: started', '-- b: started', '== b\na process of b!', '== ok: b (time)', '== a\nfirst of a\na process of a!', '== ok: a (time)'])
    // What it left behind may still say something.
    toA.print('late')
    expect(lines.at(-1)).toBe('late')
  })

  it('go on behind a step that failed, and name it', async () => {
    const lines: string[] = []
    const fine: Step = { name: 'fine', work: async () => undefined }
    const failed = await runLanes([[{ name: 'bad', work: () => Promise.reject(new Error('so it is')) }, fine], [fine]], { abort: NEVER, print: (line) => lines.push(line) })
    expect(failed).toEqual(['bad'])
    expect(said(lines).filter((line) => /^== (ok|FAIL)/.test(line)).sort()).toEqual(['== FAIL: bad: so it is', '== ok: fine (time)', '== ok: fine (time)'])
  })

  it('show the end of very much that was said', async () => {
    const lines: string[] = []
    const loud: Step = { name: 'loud', work: async ({ print }) => { for (let line = 0; line < 5; line++) print(String(line).repeat(1_048_576)) } }
    await runLanes([[loud], [{ name: 'quiet', work: async () => undefined }]], { abort: NEVER, print: (line) => lines.push(line) })
    const shown = lines.find((line) => line.includes('== loud')) ?? ''
    expect(shown.length).toBeLessThan(4.1 * 1_048_576)
    expect(shown).toMatch(/… \d+ bytes before this are left out\n/)
    expect(shown.endsWith('444')).toBe(true)
  })

  it('let a step that runs alone print by itself', async () => {
    const lines: string[] = []
    await runLanes([[{ name: 'one', work: async ({ output, print }) => { print(`to ${String(output)}`) } }], []], { abort: NEVER, print: (line) => lines.push(line) })
    expect(said(lines)).toEqual(['== one', 'to undefined', '== ok: one (time)'])
  })

  it('start nothing more once they are told to end', async () => {
    const abort = new AbortController()
    const [a, b] = [held('a'), held('b')]
    const done = runLanes([[a, b]], { abort: abort.signal, print: () => undefined })
    await a.begun
    abort.abort()
    a.end(new Error('ended by its signal'))
    await expect(done).resolves.toEqual(['a'])
    await expect(Promise.race([b.begun, Promise.resolve('never')])).resolves.toBe('never')
  })
})
