// A disk of its own for one folder, small enough to be filled on purpose.
import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { runTool } from '../services/run-tool.mjs'
import { leftByTheDead, ownName } from './leftovers.mjs'

const COMMAND_MS_MAX = 10_000
const BLOCK_BYTES = 1_048_576
const BALLAST = 'ballast'

/**
 * Mounts a disk of `bytes` (in memory) on `folder`. Resolves with `{fill, clear, remove}`: `fill()` takes all that is free and returns `{bytes, folder}`,
 * `clear()` gives it back. Rejects with why this machine does not allow it.
 */
export async function mountSmallDisk({ folder, bytes }) {
  if (process.platform !== 'linux') throw new Error('it is mounted as a tmpfs, which is a feature of Linux')
  await removeLeftovers()
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  await mount('-t', 'tmpfs', '-o', `size=${bytes},mode=0700`, ownName(), folder)
  return {
    fill: () => ({ bytes: fill(join(folder, BALLAST)), folder }),
    clear: () => { rmSync(join(folder, BALLAST), { force: true }) },
    remove: () => unmount(folder),
  }
}

/** Writes until nothing more fits; returns the bytes. */
function fill(path) {
  const file = openSync(path, 'w', 0o600)
  try {
    let total = 0
    // The last pieces are smaller than a block.
    for (let size = BLOCK_BYTES; size >= 1; size = Math.floor(size / 2)) {
      const block = Buffer.alloc(size)
      try {
        for (;;) total += writeSync(file, block)
      } catch (error) {
        if (error.code !== 'ENOSPC') throw error
      }
    }
    return total
  } finally {
    closeSync(file)
  }
}

async function removeLeftovers() {
  const mounts = readFileSync('/proc/mounts', 'utf8').split('\n').map((line) => line.split(' '))
  const dead = new Set(leftByTheDead(mounts.map(([device]) => device)))
  for (const [device, folder] of mounts) if (dead.has(device)) await unmount(folder)
}

async function unmount(folder) {
  // Lazily: whoever still has a file open there loses it when it ends.
  await runTool('umount', ['--lazy', folder], { cwd: '/', timeoutMs: COMMAND_MS_MAX })
}

async function mount(...args) {
  await runTool('mount', args, { cwd: '/', timeoutMs: COMMAND_MS_MAX })
}
