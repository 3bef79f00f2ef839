const SLASH = 0x2f
const QUESTION = 0x3f
/** Longest stanza that is taken. */
const STANZA_BYTES_MAX = 1_048_576
/** Elements of a stream are one level below the stream itself. */
const STANZA_DEPTH = 1

/**
 * Cuts the server's side of an XMPP stream (RFC 6120) into stanzas, from bytes in pieces of any size. Inside of a stream there are no comments, processing
 * instructions or references to entities that are not predefined (section 11.1), and a server that escapes `>` lets tags be found by it.
 */
export class XmppStanzas {
  readonly #onStanza: (stanza: string) => void
  #text = ''
  #scanned = 0
  #from = 0
  #depth = 0
  #isReset = false

  /** `onStanza` hears every whole element below the stream. */
  constructor(onStanza: (stanza: string) => void) {
    this.#onStanza = onStanza
  }

  /** A new stream begins, as it does after authentication; may be called from `onStanza`. */
  reset(): void {
    this.#depth = 0
    this.#text = ''
    this.#scanned = this.#from = 0
    this.#isReset = true
  }

  /** Takes the next bytes. Throws for a stanza without an end, and when the stream ends. */
  take(data: Buffer): void {
    // Everything that is looked for is ASCII, and so is what this harness sends.
    this.#text += data.toString('latin1')
    this.#isReset = false
    for (;;) {
      const open = this.#text.indexOf('<', this.#scanned)
      const close = open < 0 ? -1 : this.#text.indexOf('>', open)
      if (close < 0) break
      this.#scanned = close + 1
      if (!this.#onTag(open, close)) continue
      const stanza = this.#text.slice(this.#from, close + 1)
      this.#from = close + 1
      this.#onStanza(stanza)
      // What follows belongs to the new stream, and comes after we began it.
      if (this.#isReset) return
    }
    this.#text = this.#text.slice(this.#from)
    this.#scanned -= this.#from
    this.#from = 0
    if (this.#text.length > STANZA_BYTES_MAX) throw new Error('an XMPP stanza without an end')
  }

  /** Whether a stanza ends with the tag from `open` to `close`. */
  #onTag(open: number, close: number): boolean {
    if (this.#text.charCodeAt(open + 1) === QUESTION) {
      this.#from = close + 1
      return false
    }
    if (this.#text.charCodeAt(open + 1) === SLASH) {
      this.#depth--
      if (this.#depth < STANZA_DEPTH) throw new Error('the XMPP stream ended')
      return this.#depth === STANZA_DEPTH
    }
    if (this.#text.charCodeAt(close - 1) === SLASH) return this.#depth === STANZA_DEPTH
    this.#depth++
    // The stream itself is open until the end.
    if (this.#depth === STANZA_DEPTH) this.#from = close + 1
    return false
  }
}

/** The value of an attribute in the first tag of a stanza; undefined when it has none. */
export function attributeOf(stanza: string, name: string): string | undefined {
  const head = stanza.slice(0, stanza.indexOf('>'))
  const at = head.indexOf(` ${name}='`)
  if (at < 0) return undefined
  const from = at + name.length + 3
  return head.slice(from, head.indexOf('\'', from))
}

/** The text of the one element of this name without attributes in a stanza; undefined when there is none. */
export function textOf(stanza: string, name: string): string | undefined {
  const from = stanza.indexOf(`<${name}>`)
  return from < 0 ? undefined : stanza.slice(from + name.length + 2, stanza.indexOf(`</${name}>`, from))
}
