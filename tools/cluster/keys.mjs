// Keys of a development cluster: made once in its folder, readable by their owner alone.
import { createPrivateKey, createPublicKey, randomBytes } from 'node:crypto'
import { chmodSync, existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { writeJson } from '../services/state.mjs'

/** The services that sign what they ask each other. */
export const SIGNING_SERVICES = ['auth', 'engine', 'wally', 'blobs']

/**
 * The keys in `dir`, made when there are none, and those that an older release did not make: `{services: {auth: {seed, publicKey}, engine: …, wally: …, blobs: …}, secretsKey,
 * wally: {secret, hotSeed, operatorToken}}`, each 32 bytes in base64url, `hotSeed` in hex.
 */
export function loadKeys(dir) {
  const file = join(dir, 'keys.json')
  mkdirSync(dir, { recursive: true, mode: 0o700 })
  // Copied or unpacked by somebody, it may have become readable for others.
  if (existsSync(file)) chmodSync(file, 0o600)
  const known = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {}
  const keys = {
    services: Object.fromEntries(SIGNING_SERVICES.map((name) => [name, known.services?.[name] ?? makeKeyPair()])),
    secretsKey: known.secretsKey ?? randomText(),
    wally: known.wally ?? { secret: randomText(), hotSeed: randomBytes(32).toString('hex'), operatorToken: randomText() },
  }
  if (JSON.stringify(keys) !== JSON.stringify(known)) writeJson(file, keys)
  return keys
}

/** What a service called `name` is told of the keys: its own private one, and the public ones of all. */
export function keyEnvironment(keys, name) {
  return {
    EVEGRAM_SERVICE_KEY: keys.services[name].seed,
    EVEGRAM_SERVICE_KEYS: Object.entries(keys.services).map(([service, { publicKey }]) => `${service}=${publicKey}`).join(','),
    EVEGRAM_SECRETS_KEY: keys.secretsKey,
  }
}

/** 32 bytes in base64url. */
function randomText() {
  return randomBytes(32).toString('base64url')
}

/** DER in front of an Ed25519 seed (RFC 8410 section 10.3). */
const PKCS8_HEAD = Buffer.from('302e020100300506032b657004220420', 'hex')

function makeKeyPair() {
  // Not generateKeyPairSync: in Node 20 the export of such a key stands still for good when a garbage collection falls into it, which takes the job
  // that made the key while the export holds its lock.
  const seed = randomBytes(32)
  const key = createPrivateKey({ key: Buffer.concat([PKCS8_HEAD, seed]), format: 'der', type: 'pkcs8' })
  // RFC 8037: "x" is the public key in base64url.
  return { seed: seed.toString('base64url'), publicKey: createPublicKey(key).export({ format: 'jwk' }).x }
}
