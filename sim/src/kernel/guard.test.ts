import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { describe, expect, it } from 'vitest'
import { closeTheWorld } from './guard.js'
import { SimRandom } from './random.js'

/* eslint-disable no-restricted-properties, @typescript-eslint/unbound-method -- what nobody may use is what is tested here */

/** What is touched while the world is closed. */
function touchedBy(touch: () => unknown): string[] {
  const touched: string[] = []
  const open = closeTheWorld((what) => { touched.push(what) }, new SimRandom('test'))
  try {
    touch()
  } catch {
    // What touches it is stopped; that it was touched is told apart from that.
  } finally {
    open()
  }
  return touched
}

describe('a closed world', () => {
  it.each<readonly [string, () => unknown]>([
    ['setTimeout', () => setTimeout(() => undefined, 1)],
    ['setInterval', () => setInterval(() => undefined, 1)],
    ['setImmediate', () => setImmediate(() => undefined)],
    ['Date.now', () => Date.now()],
    ['new Date()', () => new Date()],
    ['performance.now', () => performance.now()],
    ['Math.random', () => Math.random()],
    ['process.hrtime', () => process.hrtime()],
    ['crypto.getRandomValues', () => globalThis.crypto.getRandomValues(new Uint8Array(4))],
    ['crypto.randomUUID', () => globalThis.crypto.randomUUID()],
    ['crypto.subtle.digest', () => globalThis.crypto.subtle.digest('SHA-256', new Uint8Array(1))],
    ['node:crypto.randomBytes', () => randomBytes(4)],
    ['node:fs.readFileSync', () => readFileSync('/dev/null')],
    ['node:net.connect', () => connect(1)],
    ['fetch', () => fetch('http://localhost:1')],
    ['AbortSignal.timeout', () => AbortSignal.timeout(1)],
  ])('refuses %s and tells', (what, touch) => {
    expect(touchedBy(touch)).toEqual([what])
  })

  it('leaves what is the same in every run', () => {
    expect(touchedBy(() => [new Date(5).toISOString(), Math.floor(1.5), structuredClone({ a: 1 })])).toEqual([])
  })

  it('is open again afterwards, with everything as it was', () => {
    const before = [Date.now, Math.random, setTimeout, readFileSync, globalThis.crypto.getRandomValues]
    expect(touchedBy(() => Date.now())).toHaveLength(1)
    expect([Date.now, Math.random, setTimeout, readFileSync, globalThis.crypto.getRandomValues]).toEqual(before)
    expect(new Date().getTime()).toBeGreaterThan(1_700_000_000_000)
    expect(randomBytes(4)).toHaveLength(4)
  })
})
