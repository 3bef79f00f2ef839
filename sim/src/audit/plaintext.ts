import type { AuditContext } from './ledger.js'

/** P7: what was said stands in no byte that a node, the broker or auth sees. Every said text holds the marker. */
export class Plaintext {
  readonly #context: AuditContext
  readonly #marker: Buffer

  constructor(context: AuditContext, marker: string) {
    this.#context = context
    this.#marker = Buffer.from(marker)
  }

  /** `where`: who sees the bytes. */
  look(bytes: Uint8Array, where: string): void {
    if (Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).includes(this.#marker)) {
      this.#context.run.broken('P7', `${where} sees the text of a message`)
    }
  }
}
