import type { RawDevice, RawEnrolment } from './raw-device.js'
import {
  generateOneTimePreKeys, MemorySignalState, rotateSignedPreKey, type SignedPreKey, type UploadedPreKey,
} from '@evegram/sdk/parts'
import { tokenSourceOf } from './raw-tokens.js'

/** One-time prekeys that the SDK makes at a time. */
const BATCH = 100

/** The prekeys of a raw device, private halves included. */
export class RawPrekeys {
  readonly state: MemorySignalState
  readonly signed: SignedPreKey
  readonly oneTime: readonly UploadedPreKey[]

  private constructor(state: MemorySignalState, signed: SignedPreKey, oneTime: readonly UploadedPreKey[]) {
    this.state = state
    this.signed = signed
    this.oneTime = oneTime
  }

  /** Makes a signed prekey and `count` one-time prekeys and publishes them. */
  static async publish(enrolment: RawEnrolment, device: RawDevice, count: number): Promise<RawPrekeys> {
    const state = new MemorySignalState()
    const rotated = await rotateSignedPreKey(enrolment.signal, device.keys, state, Date.now(), true)
    if (rotated.status !== 'rotated') throw new Error('no signed prekey was made')
    state.commit(rotated.changes)
    const oneTime: UploadedPreKey[] = []
    while (oneTime.length < count) {
      const made = await generateOneTimePreKeys(enrolment.signal, state, Math.min(BATCH, count - oneTime.length))
      state.commit(made.changes)
      oneTime.push(...made.publicKeys)
    }
    await enrolment.api.uploadPreKeys(tokenSourceOf(device, enrolment.api), {
      registrationId: device.keys.registrationId, signedPreKey: rotated.publicKey, oneTimePreKeys: oneTime,
    })
    return new RawPrekeys(state, rotated.publicKey, oneTime)
  }
}
