import { concatBytes, EvegramError, utf8 } from '@evegram/protocol'
import type { StoreTable } from './local-store.js'

/** Seals values of rows before a store sees them, and opens them again. Each belongs to its row: a value under another name does not open. */
export interface RowSealer {
  /** The value as a store keeps it. `value` is read before this returns. */
  seal(table: StoreTable, key: string, value: Uint8Array): Promise<Uint8Array>
  /** Rejects `client.store` when `sealed` was not sealed for this row by this key. */
  open(table: StoreTable, key: string, sealed: Uint8Array): Promise<Uint8Array>
}

/** First byte of a sealed value. */
const SEALED_FORMAT = 1
/** NIST SP 800-38D section 8.2.2: random nonces of 96 bits; a key may seal 2^32 values. */
const NONCE_BYTES = 12
const HEADER_BYTES = 1 + NONCE_BYTES
const TAG_BYTES = 16

/** How much longer a sealed value is. */
export const SEALED_OVERHEAD_BYTES = HEADER_BYTES + TAG_BYTES

/** A new AES-256 key that seals rows and cannot be exported: scripts of the page can use it, and cannot read it. */
export async function createRowKey(): Promise<CryptoKey> {
  // Absent on pages without TLS beyond this machine.
  const subtle = globalThis.crypto.subtle as SubtleCrypto | undefined
  if (subtle === undefined) {
    throw new EvegramError('client.insecure_url', { operation: 'make row key', advice: 'Browsers encrypt only on pages of https:// or of this machine: open the page there.' })
  }
  return subtle.generateKey({ name: 'AES-GCM', length: 256 }, false, ['encrypt', 'decrypt'])
}

/** A {@link RowSealer} by AES-256-GCM of WebCrypto: format, nonce, ciphertext with tag; the name of the row is authenticated. */
export class WebRowSealer implements RowSealer {
  readonly #key: CryptoKey

  constructor(key: CryptoKey) {
    this.#key = key
  }

  async seal(table: StoreTable, key: string, value: Uint8Array): Promise<Uint8Array> {
    const header = new Uint8Array(HEADER_BYTES)
    header[0] = SEALED_FORMAT
    const nonce = globalThis.crypto.getRandomValues(header.subarray(1))
    const sealed = await globalThis.crypto.subtle.encrypt({ name: 'AES-GCM', iv: nonce, additionalData: rowName(table, key) }, this.#key, Uint8Array.from(value))
    return concatBytes(header, new Uint8Array(sealed))
  }

  async open(table: StoreTable, key: string, sealed: Uint8Array): Promise<Uint8Array> {
    try {
      if (sealed[0] !== SEALED_FORMAT) throw new TypeError('format')
      const iv = Uint8Array.from(sealed.subarray(1, HEADER_BYTES))
      const opened = await globalThis.crypto.subtle.decrypt({ name: 'AES-GCM', iv, additionalData: rowName(table, key) }, this.#key, Uint8Array.from(sealed.subarray(HEADER_BYTES)))
      return new Uint8Array(opened)
    } catch (cause) {
      throw new EvegramError('client.store', { operation: 'open row', advice: 'A row of the local store was changed or belongs to another profile.', details: { table }, cause })
    }
  }
}

function rowName(table: StoreTable, key: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(utf8(`evegram/row/v1 ${table} ${key}`))
}
