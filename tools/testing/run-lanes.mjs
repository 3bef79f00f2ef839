// Steps of a long command: some lanes of them beside each other, in each lane one behind the other. What a step prints comes in one piece.
import { closeSync, fstatSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Of a step that prints more the end is shown. */
const SHOWN_BYTES_MAX = 4 * 1_048_576

/**
 * Runs every step of `lanes`, also those behind one that failed. A step is `{name, work}`; `work({output, print})` rejects when it failed, and what it prints
 * goes to the file descriptor `output` and to `print(line)`. A step that runs alone prints by itself (`output` is undefined then); beside others it is kept,
 * and printed when the step has ended, of very much the end. Resolves with the names of those that failed, in the order of their ends. Once `abort` is
 * aborted nothing more is started.
 */
export async function runLanes(lanes, { abort, print = console.log }) {
  const failed = []
  const filled = lanes.filter((lane) => lane.length > 0)
  const isAlone = filled.length === 1
  await Promise.all(filled.map(async (lane) => {
    for (const { name, work } of lane) {
      if (abort.aborted) return
      const startedAt = performance.now()
      const kept = isAlone ? undefined : openKept(print)
      print(isAlone ? `\n== ${name}` : `-- ${name}: started`)
      let outcome
      try {
        await work(kept ?? { output: undefined, print })
        outcome = `== ok: ${name} (${((performance.now() - startedAt) / 1000).toFixed(1)} s)`
      } catch (error) {
        failed.push(name)
        outcome = `== FAIL: ${name}: ${error.message}`
      }
      // At once, so that the other lane says nothing in between.
      if (kept !== undefined) print(`\n== ${name}\n${kept.take()}`.trimEnd())
      print(outcome)
    }
  }))
  return failed
}

/** A file that processes write into: whatever they leave running, nobody waits for the end of a pipe. */
function openKept(print) {
  const folder = mkdtempSync(join(tmpdir(), 'evegram-step-'))
  const output = openSync(join(folder, 'output'), 'a+', 0o600)
  let isOpen = true
  return {
    output,
    // What a step started may say something long after it, when it is ended.
    print: (line) => {
      if (isOpen) writeSync(output, `${line}\n`)
      else print(line)
    },
    take: () => {
      const { size } = fstatSync(output)
      const left = Math.max(0, size - SHOWN_BYTES_MAX)
      const bytes = Buffer.alloc(size - left)
      const length = readSync(output, bytes, 0, bytes.length, left)
      closeSync(output)
      isOpen = false
      rmSync(folder, { recursive: true, force: true })
      return `${left === 0 ? '' : `… ${left} bytes before this are left out\n`}${bytes.toString('utf8', 0, length)}`
    },
  }
}
