import { styleText } from 'node:util'
import { isEvegramError } from '@evegram/protocol'
import { visible, visibleJson } from './visible.js'

/** Colours that a person sees; none with NO_COLOR, without a terminal, or for machines. */
export type Style = 'bold' | 'dim' | 'green' | 'yellow' | 'red' | 'cyan'

/** Where a command writes: JSON lines for machines, text for people. Results go to stdout, everything else to stderr. */
export class Output {
  readonly json: boolean
  readonly #colours: boolean

  constructor(json: boolean, environment: Readonly<Record<string, string | undefined>>) {
    this.json = json
    const noColor = environment['NO_COLOR']
    this.#colours = !json && process.stdout.isTTY === true && (noColor === undefined || noColor === '')
  }

  /** A person sees what is printed: it goes to a terminal. */
  get isSeen(): boolean {
    return !this.json && process.stdout.isTTY === true
  }

  /** Whether somebody sits there who can be asked. */
  get interactive(): boolean {
    return !this.json && process.stdin.isTTY === true && process.stderr.isTTY === true
  }

  /** `text` in a colour, where colours are shown. */
  paint(style: Style, text: string): string {
    return this.#colours ? styleText(style, text) : text
  }

  /** One result: an object a line for machines, `text` for people. Resolves when it was handed to the reader. */
  result(object: Readonly<Record<string, unknown>>, text: string): Promise<void> {
    return this.#write(this.json ? visibleJson(object) : text)
  }

  /** A remark for people; machines do not see it. */
  note(text: string): void {
    if (!this.json) process.stderr.write(`${text}\n`)
  }

  /** Something that must not go unnoticed, beside the results. */
  warning(object: Readonly<Record<string, unknown>>, text: string): void {
    process.stderr.write(this.json ? `${visibleJson({ warning: object })}\n` : `${this.paint('yellow', 'warning')} ${visible(text)}\n`)
  }

  /** A failure: what happened and what to do, not a stack. */
  failure(error: unknown): void {
    const { code, message, rest } = described(error)
    if (this.json) {
      process.stderr.write(`${visibleJson({ error: { code, message, ...rest } })}\n`)
      return
    }
    const pid = pidOf(rest['details'])
    process.stderr.write(`${this.paint('red', 'error')} ${visible(message)} (${code})${pid === undefined ? '' : ` [process ${String(pid)}]`}\n`)
  }

  #write(line: string): Promise<void> {
    return new Promise((resolve, reject) => {
      process.stdout.write(`${line}\n`, (error) => {
        if (error === null || error === undefined) resolve()
        else reject(error)
      })
    })
  }
}

interface Described {
  readonly code: string
  readonly message: string
  readonly rest: Readonly<Record<string, unknown>>
}

function described(error: unknown): Described {
  if (!isEvegramError(error)) return { code: 'internal', message: error instanceof Error ? error.message : String(error), rest: {} }
  const { code, advice, retryAfterMs, details } = error
  return { code, message: advice, rest: { retryAfterMs, details } }
}

function pidOf(details: unknown): number | undefined {
  if (typeof details !== 'object' || details === null || !('pid' in details)) return undefined
  return typeof details.pid === 'number' ? details.pid : undefined
}
