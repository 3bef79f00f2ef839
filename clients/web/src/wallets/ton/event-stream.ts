/** One event of a stream of server-sent events. */
export interface ServerEvent {
  /** `message` where the server says no other. */
  readonly name: string
  /** What the next connection may go on behind; undefined where this event says none. */
  readonly id: string | undefined
  readonly data: string
  /** It was longer than is taken: `data` is empty. */
  readonly isTooLarge: boolean
}

/** Characters of one event that are kept while it comes. */
export const EVENT_CHARS_MAX = 65_536
const ID_CHARS_MAX = 128

/** Reads `text/event-stream` (WHATWG HTML, "Interpreting an event stream") as it comes, in bounded memory: what is too long is passed over to its end. */
export class EventStreamReader {
  #line = ''
  #isLineTooLong = false
  #endedByReturn = false
  #name = ''
  #id: string | undefined
  #data: string | undefined
  #isTooLarge = false

  /** Takes the next characters, and gives the events that are whole now. */
  push(text: string): readonly ServerEvent[] {
    const events: ServerEvent[] = []
    // A line ends with \r\n, \n or \r; the two of the first may come apart.
    const given = this.#endedByReturn && text.startsWith('\n') ? text.slice(1) : text
    if (text !== '') this.#endedByReturn = text.endsWith('\r')
    const lines = given.split(/\r\n|\n|\r/)
    for (const [at, part] of lines.entries()) {
      this.#keep(part)
      if (at === lines.length - 1) break
      const event = this.#endLine()
      if (event !== undefined) events.push(event)
    }
    return events
  }

  #keep(part: string): void {
    if (this.#isLineTooLong || this.#line.length + part.length > EVENT_CHARS_MAX) {
      this.#isLineTooLong = true
      this.#line = ''
    } else {
      this.#line += part
    }
  }

  #endLine(): ServerEvent | undefined {
    const line = this.#line
    const wasTooLong = this.#isLineTooLong
    this.#line = ''
    this.#isLineTooLong = false
    if (wasTooLong) {
      this.#isTooLarge = true
      return undefined
    }
    if (line === '') return this.#endEvent()
    const at = line.indexOf(':')
    const field = at === -1 ? line : line.slice(0, at)
    const value = at === -1 ? '' : line.slice(at + 1).replace(/^ /, '')
    if (field === 'event') this.#name = value
    else if (field === 'id' && value.length <= ID_CHARS_MAX && !value.includes('\0')) this.#id = value
    else if (field === 'data') this.#addData(value)
    return undefined
  }

  #addData(value: string): void {
    const data = this.#data === undefined ? value : `${this.#data}\n${value}`
    this.#isTooLarge ||= data.length > EVENT_CHARS_MAX
    this.#data = this.#isTooLarge ? '' : data
  }

  #endEvent(): ServerEvent | undefined {
    const event = { name: this.#name === '' ? 'message' : this.#name, id: this.#id, data: this.#isTooLarge ? '' : this.#data ?? '', isTooLarge: this.#isTooLarge }
    const isEmpty = this.#data === undefined && this.#id === undefined && !this.#isTooLarge
    this.#name = ''
    this.#id = undefined
    this.#data = undefined
    this.#isTooLarge = false
    return isEmpty ? undefined : event
  }
}
