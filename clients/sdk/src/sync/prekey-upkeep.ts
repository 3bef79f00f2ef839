import { CborFields, decodeCbor, encodeCbor, EvegramError, type Timer } from '@evegram/protocol'
import type { AuthApi, TokenSource, UploadedSignedPreKey } from '../api/auth-api.js'
import type { ServerClock } from '../api/server-clock.js'
import type { LocalState } from '../core/local-state.js'
import type { DeviceKeys } from '../crypto/device-keys.js'
import { generateOneTimePreKeys, PREKEY_LIMITS, rotateSignedPreKey } from '../crypto/prekeys.js'
import type { OneTimePreKey } from '../crypto/prekey-bundle.js'
import type { Signal } from '../crypto/signal.js'

/** One-time prekeys on the server below which new ones are made. */
const PREKEYS_LOW = 30
/** How often a live client looks at its prekeys. */
const UPKEEP_INTERVAL_MS = 3_600_000

/** What prekey upkeep works on. */
export interface PreKeyPorts {
  readonly local: LocalState
  readonly signal: Signal
  readonly keys: DeviceKeys
  readonly auth: AuthApi
  readonly tokens: TokenSource
  readonly time: ServerClock
}

const SIGNED_ROW = 'signed-prekey-public'

/** Makes and commits what is due; the public halves are uploaded afterwards. */
async function makeKeys(ports: PreKeyPorts, oneTimeCount: number, force: boolean): Promise<{ signed: UploadedSignedPreKey; oneTime: readonly OneTimePreKey[] }> {
  const { local, signal, keys, time } = ports
  return local.write(async (tx) => {
    const rotated = await rotateSignedPreKey(signal, keys, tx.signal, time.now(), force)
    if (rotated.status === 'rotated') {
      tx.apply(rotated.changes)
      tx.put('prekeys', SIGNED_ROW, encodeCbor({ ...rotated.publicKey }))
    }
    const row = await tx.get('prekeys', SIGNED_ROW)
    if (row === undefined) throw new EvegramError('client.store', { operation: 'read signed prekey' })
    const signed = readSigned(row)
    let oneTime: readonly OneTimePreKey[] = []
    if (oneTimeCount > 0) {
      const made = await generateOneTimePreKeys(signal, tx.signal, oneTimeCount)
      tx.apply(made.changes)
      oneTime = made.publicKeys
    }
    return { signed, oneTime }
  })
}

function readSigned(row: Uint8Array): UploadedSignedPreKey {
  const fields = new CborFields(decodeCbor(row, 4_096), 'client.store')
  return {
    id: fields.uint('id'), createdAtMs: fields.uint('createdAtMs'), publicKey: fields.bytes('publicKey', 33), signature: fields.bytes('signature', 64),
    deviceSignature: fields.bytes('deviceSignature', 64),
  }
}

/** Looks what the server holds and uploads what is due: one-time prekeys under {@link PREKEYS_LOW}, a signed prekey each week. Rejects as the API does. */
export async function tendPreKeys(ports: PreKeyPorts): Promise<void> {
  const { auth, tokens, keys } = ports
  const status = await auth.preKeyStatus(tokens)
  const missing = status.oneTimeRemaining < PREKEYS_LOW ? PREKEY_LIMITS.batch - status.oneTimeRemaining : 0
  const { signed, oneTime } = await makeKeys(ports, missing, false)
  if (oneTime.length === 0 && signed.id === status.signedPreKeyId) return
  await auth.uploadPreKeys(tokens, { registrationId: keys.registrationId, signedPreKey: signed, oneTimePreKeys: oneTime })
}

/** Runs {@link tendPreKeys} when a connection is live, hourly, and when the server says that they run low. */
export class PreKeyUpkeep {
  readonly #tend: () => void
  readonly #every: (intervalMs: number, task: () => void) => Timer
  #timer: Timer | undefined

  /** `tend` starts one round in the background. */
  constructor(tend: () => void, every: (intervalMs: number, task: () => void) => Timer) {
    this.#tend = tend
    this.#every = every
  }

  resume(): void {
    this.#timer ??= this.#every(UPKEEP_INTERVAL_MS, this.#tend)
    this.#tend()
  }

  pause(): void {
    this.#timer?.cancel()
    this.#timer = undefined
  }
}
