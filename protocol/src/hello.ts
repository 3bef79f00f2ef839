import { hexOf, lengthPrefixed } from './bytes.js'
import { CborFields, decodeCbor, encodeCbor } from './cbor.js'
import { idBytes, parseAccountId, parseDeviceId, type AccountId, type DeviceId } from './ids.js'
import { LIMITS } from './limits.js'

const INVALID = 'invalid.request' as const

/** `challenge`: the first frame of the server on every connection. */
export interface Challenge {
  /** 32 bytes that the hello must sign; valid for this connection and 10 s. */
  readonly nonce: Uint8Array
  /** Server time in ms since 1970, for the client's hybrid clock. */
  readonly serverTimeMs: number
  readonly protocolMin: number
  readonly protocolMax: number
}

/** `hello`: the client proves that it holds the key of its device. */
export interface Hello {
  readonly account: AccountId
  readonly device: DeviceId
  /** Access token (JWT, audience `engine`). */
  readonly token: string
  /** 32 bytes. */
  readonly clientNonce: Uint8Array
  /** Ed25519 signature of {@link helloBytes} by the device's signing key. */
  readonly signature: Uint8Array
  /** Name and version of the client, at most 64 characters, for diagnosis. */
  readonly agent: string
}

/** The bytes that a hello signs: lp("evegram/hello/v1") lp(origin) lp(server nonce) lp(client nonce) lp(account16) lp(device16) lp(SHA-256(token)). */
export function helloBytes(fields: {
  readonly origin: string
  readonly serverNonce: Uint8Array
  readonly clientNonce: Uint8Array
  readonly account: AccountId
  readonly device: DeviceId
  readonly tokenHash: Uint8Array
}): Uint8Array<ArrayBuffer> {
  return lengthPrefixed(
    'evegram/hello/v1', fields.origin, fields.serverNonce, fields.clientNonce, idBytes(fields.account), idBytes(fields.device), fields.tokenHash,
  )
}

/** `welcome`: hello was accepted. The session is not live before a catch-up ended: see {@link CatchUp}. */
export interface Welcome {
  readonly serverTimeMs: number
  /** A random number of the connection, for support. */
  readonly connection: string
  /** The client must send something at least this often. */
  readonly heartbeatMs: number
  /** What the server keeps, in ms: cursors older than this are answered `discontinuity`. */
  readonly retentionMs: number
  /** The server takes `signal` and `listen`; an older one closes a connection that sends them. */
  readonly signals?: boolean
}

/** Body of `challenge`. */
export function encodeChallenge(value: Challenge): Uint8Array<ArrayBuffer> {
  return encodeCbor({ nonce: value.nonce, serverTimeMs: value.serverTimeMs, protocolMin: value.protocolMin, protocolMax: value.protocolMax })
}
/** Throws `invalid.cbor`, `invalid.request`. */
export function decodeChallenge(body: Uint8Array): Challenge {
  const fields = new CborFields(decodeCbor(body, LIMITS.frameBytesMax), INVALID)
  return {
    nonce: fields.bytes('nonce', 32), serverTimeMs: fields.uint('serverTimeMs'),
    protocolMin: fields.uint('protocolMin', 255), protocolMax: fields.uint('protocolMax', 255),
  }
}

/** Body of `hello`. */
export function encodeHello(value: Hello): Uint8Array<ArrayBuffer> {
  return encodeCbor({
    account: idBytes(value.account), device: idBytes(value.device), token: value.token,
    clientNonce: value.clientNonce, signature: value.signature, agent: value.agent,
  })
}
/** Throws `invalid.cbor`, `invalid.request`. */
export function decodeHello(body: Uint8Array): Hello {
  const fields = new CborFields(decodeCbor(body, LIMITS.frameBytesMax), INVALID)
  return {
    account: parseAccountId(hexOf(fields.bytes('account', 16))), device: parseDeviceId(hexOf(fields.bytes('device', 16))),
    token: fields.text('token', 4_096), clientNonce: fields.bytes('clientNonce', 32), signature: fields.bytes('signature', 64),
    agent: fields.text('agent', 64),
  }
}

/** Body of `welcome`. */
export function encodeWelcome(value: Welcome): Uint8Array<ArrayBuffer> {
  return encodeCbor({
    serverTimeMs: value.serverTimeMs, connection: value.connection, heartbeatMs: value.heartbeatMs, retentionMs: value.retentionMs,
    ...(value.signals === undefined ? {} : { signals: value.signals }),
  })
}
/** Throws `invalid.cbor`, `invalid.request`. */
export function decodeWelcome(body: Uint8Array): Welcome {
  const fields = new CborFields(decodeCbor(body, LIMITS.frameBytesMax), INVALID)
  return {
    serverTimeMs: fields.uint('serverTimeMs'), connection: fields.text('connection', 64),
    heartbeatMs: fields.uint('heartbeatMs'), retentionMs: fields.uint('retentionMs'),
    ...(fields.has('signals') ? { signals: fields.boolean('signals') } : {}),
  }
}
