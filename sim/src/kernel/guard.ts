import childProcess from 'node:child_process'
import nodeCrypto from 'node:crypto'
import dgram from 'node:dgram'
import dns from 'node:dns'
import fs from 'node:fs'
import fsPromises from 'node:fs/promises'
import http from 'node:http'
import https from 'node:https'
import { syncBuiltinESMExports } from 'node:module'
import net from 'node:net'
import timers from 'node:timers'
import timersPromises from 'node:timers/promises'
import workerThreads from 'node:worker_threads'
import type { Random } from '@evegram/protocol'

interface Trap {
  readonly host: object
  readonly name: string
  readonly descriptor: PropertyDescriptor
}

/** Functions that would bring real time, real randomness or the outside world into a run, by the object that holds them. */
const FORBIDDEN: readonly (readonly [string, object, readonly string[]])[] = [
  ['', globalThis, ['setTimeout', 'setInterval', 'setImmediate', 'fetch', 'WebSocket', 'FinalizationRegistry', 'WeakRef', 'BroadcastChannel', 'MessageChannel']],
  ['Math', Math, ['random']],
  ['performance', performance, ['now', 'mark', 'measure']],
  ['process', process, ['hrtime', 'uptime', 'cpuUsage', 'memoryUsage', 'resourceUsage']],
  ['crypto', globalThis.crypto, ['randomUUID']],
  ['crypto.subtle', globalThis.crypto.subtle, ['encrypt', 'decrypt', 'sign', 'verify', 'digest', 'generateKey', 'deriveBits', 'deriveKey', 'importKey', 'exportKey']],
  ['node:crypto', nodeCrypto, [
    'randomBytes', 'randomFill', 'randomFillSync', 'randomInt', 'randomUUID', 'generateKeyPair', 'generateKeyPairSync', 'generateKey', 'generateKeySync', 'pbkdf2',
    'scrypt', 'hkdf',
  ]],
  ['AbortSignal', AbortSignal, ['timeout']],
  ['node:timers', timers, ['setTimeout', 'setInterval', 'setImmediate']],
  ['node:timers/promises', timersPromises, ['setTimeout', 'setInterval', 'setImmediate']],
  ['node:fs', fs, ['readFile', 'readFileSync', 'writeFile', 'writeFileSync', 'open', 'openSync', 'appendFileSync', 'appendFile', 'mkdirSync', 'statSync', 'readdirSync', 'createReadStream', 'createWriteStream']],
  ['node:fs/promises', fsPromises, ['readFile', 'writeFile', 'open', 'appendFile', 'mkdir', 'stat', 'readdir']],
  ['node:net', net, ['connect', 'createConnection', 'createServer']],
  ['node:dgram', dgram, ['createSocket']],
  ['node:dns', dns, ['lookup', 'resolve']],
  ['node:http', http, ['request', 'get', 'createServer']],
  ['node:https', https, ['request', 'get', 'createServer']],
  ['node:child_process', childProcess, ['spawn', 'spawnSync', 'exec', 'execSync', 'execFile', 'execFileSync', 'fork']],
  ['node:worker_threads', workerThreads, ['Worker']],
]

/** The functions of @noble/curves that draw a blind: multiplication by a secret scalar, and inversion of a secret nonce. */
const BLINDED = /\b(?:mulCTBlinded|k2sig)\b/

/**
 * Takes real time, randomness and I/O away from the whole process while a run is under way: whatever touches them throws, and the run
 * fails by `onTouch`, which is told what was touched, also where the error is caught. Returns the way back.
 *
 * One read is answered instead, since nothing comes of it: the curves multiply secrets by blinded scalars, which changes the time that it
 * takes and nothing of the result (drawn from `blinding`).
 *
 * Node's own machinery uses none of these; what code holds in a variable since before is out of reach, so the sources are linted too.
 */
export function closeTheWorld(onTouch: (what: string) => void, blinding: Random): () => void {
  const traps: Trap[] = []
  const touched = (what: string): never => {
    onTouch(what)
    throw new Error(`a simulated program touched ${what}`)
  }
  const put = (host: object, name: string, value: unknown): void => {
    const descriptor = Object.getOwnPropertyDescriptor(host, name) ?? Object.getOwnPropertyDescriptor(Object.getPrototypeOf(host) ?? {}, name)
    if (descriptor === undefined) return
    const own = Object.getOwnPropertyDescriptor(host, name) !== undefined
    if (own && descriptor.configurable === false && descriptor.writable !== true) return
    traps.push({ host, name, descriptor: own ? descriptor : { value: undefined, configurable: true } })
    Object.defineProperty(host, name, { value, configurable: true, writable: true, enumerable: descriptor.enumerable ?? true })
  }
  for (const [owner, host, names] of FORBIDDEN) {
    for (const name of names) {
      const what = owner === '' ? name : `${owner}.${name}`
      put(host, name, function forbidden() { return touched(what) })
    }
  }
  put(globalThis.crypto, 'getRandomValues', (target: Uint8Array) => {
    if (!BLINDED.test(new Error('who asks').stack ?? '')) return touched('crypto.getRandomValues')
    target.set(blinding.bytes(target.length))
    return target
  })
  put(Date, 'now', () => touched('Date.now'))
  const RealDate = Date
  // `new Date()` reads the clock, `new Date(ms)` does not.
  put(globalThis, 'Date', new Proxy(RealDate, {
    construct: (target, values) => (values.length === 0 ? touched('new Date()') : Reflect.construct(target, values) as object),
    apply: () => touched('Date()'),
  }))
  syncBuiltinESMExports()
  return () => {
    for (const { host, name, descriptor } of traps.reverse()) {
      if (descriptor.value === undefined && descriptor.get === undefined) Reflect.deleteProperty(host, name)
      else Object.defineProperty(host, name, descriptor)
    }
    syncBuiltinESMExports()
  }
}
