import type { AuditContext } from './ledger.js'

/** P7: what was said stands in no byte that a node, the broker or auth sees. Every said text holds the marker. */
export class Plaintext {
  readonly #context: AuditContext
  readonly #marker: Buffer
  readonly #secrets: Buffer[] = []

  constructor(context: AuditContext, marker: string) {
    this.#context = context
    this.#marker = Buffer.from(marker)
  }

  /** Nobody but devices may see these bytes either. */
  hide(secret: Uint8Array): void {
    this.#secrets.push(Buffer.from(secret))
  }

  /** `where`: who sees the bytes. */
  look(bytes: Uint8Array, where: string): void {
    const seen = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    if (seen.includes(this.#marker)) this.#context.run.broken('P7', `${where} sees the text of a message`)
    if (this.#secrets.some((secret) => seen.includes(secret))) this.#context.run.broken('P7', `${where} sees the key of a channel`)
  }
}
