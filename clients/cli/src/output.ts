import { styleText } from 'node:util'
import { isEvegramError } from '@evegram/protocol'

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

  /** `text` in a colour, where colours are shown. */
  paint(style: Style, text: string): string {
    return this.#colours ? styleText(style, text) : text
  }

  /** One result: an object a line for machines, `text` for people. Resolves when it was handed to the reader. */
  result(object: Readonly<Record<string, unknown>>, text: string): Promise<void> {
    return this.#write(this.json ? JSON.stringify(object) : text)
  }

  /** A remark for people; machines do not see it. */
  note(text: string): void {
    if (!this.json) process.stderr.write(`${text}\n`)
  }

  /** A failure: what happened and what to do, not a stack. */
  failure(error: unknown): void {
    if (isEvegramError(error)) {
      if (this.json) {
        const { code, advice, retryAfterMs, details } = error
        process.stderr.write(`${JSON.stringify({ error: { code, message: advice, retryAfterMs, details } })}\n`)
      } else {
        process.stderr.write(`${this.paint('red', 'error')} ${error.advice} (${error.code})${pidHint(error.details)}\n`)
      }
      return
    }
    const message = error instanceof Error ? error.message : String(error)
    process.stderr.write(this.json ? `${JSON.stringify({ error: { code: 'internal', message } })}\n` : `error ${message}\n`)
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

function pidHint(details: Readonly<Record<string, unknown>> | undefined): string {
  const pid = details?.['pid']
  return typeof pid === 'number' ? ` [process ${String(pid)}]` : ''
}
