import type { LogHead } from './account-log-extends.js'
import type { LogRefusal } from './account-log-proofs.js'
import { equalBytes, hexOf } from './bytes.js'
import { CborFields, type CborValue } from './cbor.js'
import type { ErrorCode } from './errors.js'
import { ID_BYTES, idBytes, parseAccountId, parseDeviceId, type AccountId, type DeviceId } from './ids.js'
import { verifyEd25519 } from './proof/ed25519.js'
import type { ProofPrimitives } from './proof/primitives.js'

/** The device that signs an entry of a log, and the state of its account log that shows it as active. */
export interface LogActor {
  readonly account: AccountId
  readonly device: DeviceId
  readonly log: LogHead
}

/** The map of an actor in an encoded entry. */
export function actorMap({ account, device, log }: LogActor): CborValue {
  return { account: idBytes(account), device: idBytes(device), seq: log.seq, head: log.head }
}

/** Reads what {@link actorMap} wrote. Throws `code`. */
export function readActor(value: CborValue, code: ErrorCode): LogActor {
  const fields = new CborFields(value, code)
  const actor = {
    account: parseAccountId(hexOf(fields.bytes('account', ID_BYTES))), device: parseDeviceId(hexOf(fields.bytes('device', ID_BYTES))),
    log: { seq: fields.uint('seq', 0xffffffff), head: fields.bytes('head', 32) },
  }
  fields.end()
  return actor
}

/** What {@link checkActor} judges by. */
export interface ActorCheck {
  readonly primitives: ProofPrimitives
  /** The newest state of its account log that the account named before in this log. */
  readonly before: LogHead | undefined
  /** The signing key of the device as its account log shows it in the state that is named; undefined when it is not active there. */
  readonly signingKey: Uint8Array | undefined
  readonly hash: Uint8Array
  readonly signature: Uint8Array
}

/** Undefined, or why the entry was not signed by a device that may act. Never throws. */
export function checkActor(actor: LogActor, { primitives, before, signingKey, hash, signature }: ActorCheck): LogRefusal | undefined {
  // A revoked device could otherwise go on acting by naming the log as it was before its revocation.
  if (before !== undefined && (actor.log.seq < before.seq || (actor.log.seq === before.seq && !equalBytes(actor.log.head, before.head)))) {
    return { code: 'account.log_rolled_back', reason: 'the actor named a newer state of its account before' }
  }
  if (signingKey === undefined) return { code: 'account.device_unknown', reason: 'the acting device is not active in the account log that it names' }
  const status = verifyEd25519(primitives, signingKey, hash, signature)
  return status === 'valid' ? undefined : { code: status, reason: 'the signature of the acting device does not verify' }
}
