import type { Clock, Timer } from '@evegram/protocol'

/** The longest delay that Node takes; longer ones are waited for in steps (Node would run them at once). */
const TIMEOUT_STEP_MS = 2 ** 31 - 1

/** The clock of the machine. Its timers keep the process alive: whoever plans a task cancels it when it stops. */
export function systemClock(): Clock {
  return { now: () => Date.now(), monotonicMs: () => performance.now(), after: runAfter, every: runEvery }
}

function runAfter(delayMs: number, task: () => void): Timer {
  let timeout: NodeJS.Timeout
  const plan = (leftMs: number): void => {
    const stepMs = Math.min(leftMs, TIMEOUT_STEP_MS)
    timeout = setTimeout(() => {
      if (leftMs > stepMs) plan(leftMs - stepMs)
      else task()
    }, stepMs)
  }
  plan(Math.max(0, delayMs))
  return { cancel: () => { clearTimeout(timeout) } }
}

function runEvery(intervalMs: number, task: () => void): Timer {
  const interval = setInterval(task, Math.min(intervalMs, TIMEOUT_STEP_MS))
  return { cancel: () => { clearInterval(interval) } }
}
