import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { parseAccountId, parseDeviceId, type AccountId, type DeviceId } from '@evegram/protocol'
import { enrolMany } from '../../raw/many-devices.js'
import { RawEnrolment, type RawDevice } from '../../raw/raw-device.js'
import type { HeldDevice } from './held-device.js'

/** Devices of one account: as many as it may have, so that signing in takes the least time. */
export const DEVICES_PER_ACCOUNT = 16
/** A token with less than this left is renewed before it is used. */
const TOKEN_LEFT_MS = 600_000
/** Sessions that are opened again at the same time. */
const RENEWED_AT_ONCE = 8
/** Length of an access token of auth. */
const MADE_UP_TOKEN_CHARACTERS = 536

/** One account with those of its devices that are held. */
export interface HeldAccount {
  readonly account: AccountId
  /** Version of its log. */
  readonly seq: number
  readonly devices: readonly DeviceId[]
}

/** Everybody of a run. */
export interface Population {
  readonly origin: string
  /** Who writes to the others, with an account of its own. */
  readonly sender: HeldDevice
  readonly devices: readonly HeldDevice[]
  readonly accounts: readonly HeldAccount[]
}

/** Real accounts with real proofs and sessions at the server at `url`. Call `fresh` before they connect: tokens live a quarter of an hour. */
export class RealPopulation {
  readonly #enrolment: RawEnrolment
  readonly #devices: readonly RawDevice[]
  readonly #sender: RawDevice

  private constructor(enrolment: RawEnrolment, sender: RawDevice, devices: readonly RawDevice[]) {
    this.#enrolment = enrolment
    this.#sender = sender
    this.#devices = devices
  }

  /** Signs `count` devices in, and one more that sends. */
  static async enrol(url: string, count: number, onProgress: (done: number) => void): Promise<RealPopulation> {
    const enrolment = await RawEnrolment.open(url)
    const [sender] = await enrolMany(enrolment, 1, 1, { silent: true })
    if (sender === undefined) throw new Error('nobody could sign in')
    return new RealPopulation(enrolment, sender, await enrolMany(enrolment, count, DEVICES_PER_ACCOUNT, { silent: true, onEnrolled: onProgress }))
  }

  /** The same people with tokens that last. */
  async fresh(): Promise<Population> {
    const waiting = [this.#sender, ...this.#devices].filter(({ tokens }) => tokens.accessTokenExpiresAtMs < Date.now() + TOKEN_LEFT_MS)
    const renew = async (): Promise<void> => {
      for (let device = waiting.pop(); device !== undefined; device = waiting.pop()) device.tokens = await this.#enrolment.api.openSession(device.signer)
    }
    await Promise.all(Array.from({ length: RENEWED_AT_ONCE }, renew))
    const byAccount = new Map<AccountId, DeviceId[]>()
    for (const { account, device } of this.#devices) byAccount.set(account, [...byAccount.get(account) ?? [], device])
    return {
      origin: this.#enrolment.server.origin, sender: heldDevice(this.#sender), devices: this.#devices.map(heldDevice),
      // Every entry of these logs added one device.
      accounts: [...byAccount].map(([account, devices]) => ({ account, seq: devices.length, devices })),
    }
  }
}

/** Accounts that exist nowhere but in a {@link MadeUpAuth}: all devices have one key, and nobody signed in. */
export function madeUpPopulation(count: number, origin: string): Population & { readonly signingKey: Uint8Array } {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  const seed = new Uint8Array(Buffer.from(privateKey.export({ format: 'jwk' }).d ?? '', 'base64url'))
  const signingKey = new Uint8Array(Buffer.from(publicKey.export({ format: 'jwk' }).x ?? '', 'base64url'))
  const run = randomBytes(8).toString('hex')
  const accountAt = (number: number): AccountId => parseAccountId(`${run}${number.toString(16).padStart(8, '0')}${'0'.repeat(8)}`)
  const deviceAt = (number: number, place: number): DeviceId => parseDeviceId(`${run}${number.toString(16).padStart(8, '0')}${(place + 1).toString(16).padStart(8, '0')}`)
  const held = (number: number, place: number): HeldDevice => {
    const [account, device] = [accountAt(number), deviceAt(number, place)]
    return { account, device, seed, token: `${account}.${device}.`.padEnd(MADE_UP_TOKEN_CHARACTERS, '-') }
  }
  const accounts = Array.from({ length: Math.ceil(count / DEVICES_PER_ACCOUNT) }, (_, number) => ({
    account: accountAt(number), seq: 1, devices: Array.from({ length: Math.min(DEVICES_PER_ACCOUNT, count - number * DEVICES_PER_ACCOUNT) }, (_one, place) => deviceAt(number, place)),
  }))
  return {
    origin, signingKey, accounts, sender: held(accounts.length, 0),
    devices: accounts.flatMap(({ devices }, number) => devices.map((_, place) => held(number, place))),
  }
}

function heldDevice({ account, device, keys, tokens }: RawDevice): HeldDevice {
  return { account, device, token: tokens.accessToken, seed: keys.signing.privateKey }
}
