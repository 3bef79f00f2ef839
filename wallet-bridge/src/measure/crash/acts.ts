import { closeSync, openSync, readFileSync, writeSync } from 'node:fs'

/** Where a process is to be stopped: at one of its calls, before it is made or after it was answered. */
export interface StopAt {
  readonly act: string
  /** The how-manieth call of this kind since it was armed, from 1. */
  readonly nth: number
  readonly when: 'before' | 'after'
}

/** What one process did, as far as it came. */
export interface ActRecord {
  /** `in <act>` or `after <act>`: what it was about at its end. */
  readonly moment: string
  /** Transactions that were signed. */
  readonly signed: readonly string[]
  /** Transactions that were handed over, each time. */
  readonly broadcast: readonly string[]
  /** Steps that failed, by the code of the error. */
  readonly failures: readonly string[]
}

/**
 * Writes down what a process does outside of itself, so that others can read it when the process was killed: each line is written before anything else is done.
 * Stops the process where it is told to.
 */
export class Acts {
  readonly #file: number
  readonly #at: StopAt | undefined
  readonly #stop: () => void
  #isArmed = false
  #seen = 0

  /** `stop` ends or halts this process at `at`. Throws what opening a file throws. */
  constructor(path: string, at: StopAt | undefined, stop: () => void) {
    this.#file = openSync(path, 'a')
    this.#at = at
    this.#stop = stop
  }

  /** From now on calls are counted towards where the process is to be stopped. */
  arm(): void {
    this.#isArmed = true
  }

  /** Makes a call, written down before and after, with what it is about and what is worth knowing of its answer. */
  async around<Answer>(act: string, call: () => Promise<Answer>, about = '', told: (answer: Answer) => string = () => ''): Promise<Answer> {
    const isHere = this.#isArmed && act === this.#at?.act && ++this.#seen === this.#at.nth
    if (isHere && this.#at.when === 'before') this.#halt()
    this.#write('in', act, about)
    const answer = await call()
    this.#write('after', act, told(answer))
    if (isHere && this.#at.when === 'after') this.#halt()
    return answer
  }

  /** Writes down that a step failed. */
  failed(code: string): void {
    this.#write('failed', code, '')
  }

  /** Closes the file. */
  close(): void {
    closeSync(this.#file)
  }

  #halt(): void {
    this.#write('stop', '', '')
    this.#stop()
  }

  #write(what: string, act: string, told: string): void {
    writeSync(this.#file, `${[what, act, told].join('\t')}\n`)
  }
}

/** Whether a process said that it stops itself. */
export function hasStopped(path: string): boolean {
  return readFileSync(path, 'utf8').includes('stop\t')
}

/** What a process wrote down. */
export function readActs(path: string): ActRecord {
  let moment = 'before anything'
  const [signed, broadcast, failures]: [string[], string[], string[]] = [[], [], []]
  for (const line of readFileSync(path, 'utf8').split('\n')) {
    const [what, act = '', told = ''] = line.split('\t')
    if (what === 'failed') failures.push(act)
    if (what !== 'in' && what !== 'after') continue
    moment = `${what} ${act}`
    if (what === 'after' && act === 'sign' && told !== '') signed.push(told)
    if (what === 'in' && act === 'broadcast') broadcast.push(told)
  }
  return { moment, signed, broadcast, failures }
}
