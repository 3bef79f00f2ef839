import { hexOf, idBytes, lengthPrefixed, type AccountId, type DeviceId } from '@evegram/protocol'
import { sha256 } from '@noble/hashes/sha2.js'
import { numericHalf } from '../crypto/safety-number.js'

/** What a {@link pairCode} is made of. */
export interface Pairing {
  readonly account: AccountId
  /** Names the request, 16 random bytes of the device that asks. */
  readonly ask: Uint8Array
  /** The device that asks for history. */
  readonly asking: DeviceId
  /** The one that gives it. */
  readonly giving: DeviceId
}

/** Codes that are kept, unless said otherwise: those of one request to as many devices as an account may have, and of the requests that a device keeps. */
const CODES_KEPT_MAX = 64

/**
 * 30 digits that two devices of an account show, and a person who holds both compares: half a safety number, whose identifier is the AccountId in hex and whose key is
 * H(lp("evegram/history-code/v1") lp(ask) lp(asking device) lp(giving device)). DeviceIds are made of the keys of a device, so a third device in the place of either, or
 * another request, has other digits. Takes some tens of milliseconds. docs/protocol.md 10.11; vectors: history-codes.json.
 */
export function pairCode({ account, ask, asking, giving }: Pairing): string {
  return numericHalf({ identifier: account, key: sha256(lengthPrefixed('evegram/history-code/v1', ask, idBytes(asking), idBytes(giving))) })
}

/** The codes of one account, each made once. */
export class PairCodes {
  readonly #account: AccountId
  readonly #keptMax: number
  readonly #known = new Map<string, string>()

  constructor(account: AccountId, keptMax: number = CODES_KEPT_MAX) {
    this.#account = account
    this.#keptMax = keptMax
  }

  /** {@link pairCode}. */
  of(ask: Uint8Array, asking: DeviceId, giving: DeviceId): string {
    const key = `${hexOf(ask)}/${asking}/${giving}`
    const code = this.#known.get(key) ?? pairCode({ account: this.#account, ask, asking, giving })
    this.#known.delete(key)
    this.#known.set(key, code)
    const [oldest] = this.#known.keys()
    if (this.#known.size > this.#keptMax && oldest !== undefined) this.#known.delete(oldest)
    return code
  }
}
