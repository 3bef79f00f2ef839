// Runs a program to its end, quietly: a line now and then, and its last lines when it fails.
import { spawn } from 'node:child_process'

const SAY_EVERY_MS = 15_000
const OUTPUT_CHARS_MAX = 20_000
const LINES_SHOWN = 20

/** The last `count` lines of a text. */
export function lastLines(text, count = LINES_SHOWN) {
  return text.trimEnd().split('\n').slice(-count).join('\n')
}

/** Resolves with what the program printed; rejects on a non-zero exit, after `timeoutMs` or when
 * `abort` fires, with its last lines. `say(seconds)` is called every 15 s; `input` is what the program reads. */
export function runTool(command, args, { cwd, env = {}, timeoutMs, say = () => {}, abort, input }) {
  return new Promise((resolve, reject) => {
    const startedAt = performance.now()
    // A group of its own: ending it ends what it started, too (mvn is a shell around a JVM).
    const child = spawn(command, args, { cwd, env: { ...process.env, ...env }, stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'], detached: true })
    let output = ''
    // A program that ends before it has read all fails by its exit code.
    child.stdin?.on('error', () => {}).end(input)
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => { output = (output + text).slice(-OUTPUT_CHARS_MAX) })
    }
    const end = () => {
      try {
        process.kill(-child.pid, 'SIGKILL')
      } catch (error) {
        if (error.code !== 'ESRCH') throw error
      }
    }
    const timer = setTimeout(() => {
      output += `\nended after ${timeoutMs / 1000} s`
      end()
    }, timeoutMs)
    const ticker = setInterval(() => say(Math.round((performance.now() - startedAt) / 1000)), SAY_EVERY_MS)
    process.once('exit', end)
    abort?.addEventListener('abort', end, { once: true })
    const settle = () => {
      clearTimeout(timer)
      clearInterval(ticker)
      process.removeListener('exit', end)
      abort?.removeEventListener('abort', end)
    }
    child.on('error', (error) => {
      settle()
      reject(error)
    })
    child.on('close', (code, signal) => {
      settle()
      if (code === 0) resolve(output)
      else if (abort?.aborted === true) reject(abort.reason)
      else reject(new Error(`${command} ${args.slice(0, 3).join(' ')} … ended with ${signal ?? `code ${code}`}:\n${lastLines(output)}`))
    })
  })
}
