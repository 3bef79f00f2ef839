// Keys of a development cluster: made once in its folder, readable by their owner alone.
import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { chmodSync, existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { writeJson } from '../services/state.mjs'

/** The services that sign what they ask each other. */
export const SIGNING_SERVICES = ['auth', 'engine']

/** The keys in `dir`, made when there are none: `{services: {auth: {seed, publicKey}, engine: …}, secretsKey}`, each 32 bytes in base64url. */
export function loadKeys(dir) {
  const file = join(dir, 'keys.json')
  mkdirSync(dir, { recursive: true, mode: 0o700 })
  if (existsSync(file)) {
    // Copied or unpacked by somebody, it may have become readable for others.
    chmodSync(file, 0o600)
    return JSON.parse(readFileSync(file, 'utf8'))
  }
  const keys = {
    services: Object.fromEntries(SIGNING_SERVICES.map((name) => [name, makeKeyPair()])),
    secretsKey: randomBytes(32).toString('base64url'),
  }
  writeJson(file, keys)
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

function makeKeyPair() {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  // RFC 8037: "d" is the seed, "x" the public key, both in base64url.
  return { seed: privateKey.export({ format: 'jwk' }).d, publicKey: publicKey.export({ format: 'jwk' }).x }
}
