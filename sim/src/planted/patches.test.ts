import { applyPatch } from 'diff'
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { parsePlantedPatch } from './planted-patch.js'

const root = fileURLToPath(new URL('../../../', import.meta.url))
const patches = readdirSync(`${root}sim/planted`).filter((name) => name.endsWith('.patch'))

/** What the simulator must be able to find, by the names of their patches. */
const ASKED_FOR = [
  'ack-before-store', 'ack-before-broker-flush', 'mark-written-after-the-ack', 'cursor-from-live-position', 'retry-acks-an-old-copy', 'incarnation-reused',
  'clock-behind-after-suspend', 'presence-cached', 'unregister-without-compare', 'presence-registered-after-catch-up', 'outbound-queue-skips',
  'dedupe-window-cut', 'session-saved-before-the-plaintext', 'chain-not-checked', 'order-taken-from-the-server', 'ghost-device-accepted',
  'ghost-link-accepted', 'rolled-back-log-accepted', 'resend-answered-to-a-revoked-device', 'nonce-lost-on-failover', 'membership-lease-not-rechecked',
]

describe('the planted bugs', () => {
  it('are all there', () => {
    const names = patches.map((name) => name.replace(/\.patch$/, ''))
    expect(ASKED_FOR.filter((name) => !names.includes(name))).toEqual([])
  })

  // Whether each is found takes minutes: npm run sim:planted. That each is still about today's sources takes none.
  it.each(patches)('%s applies to the sources as they are', (name) => {
    const { files } = parsePlantedPatch(name.replace(/\.patch$/, ''), readFileSync(`${root}sim/planted/${name}`, 'utf8'))
    expect(files.length).toBeGreaterThan(0)
    for (const { path, patch } of files) expect(applyPatch(readFileSync(root + path, 'utf8'), patch, { fuzzFactor: 0 }), path).not.toBe(false)
  })
})
