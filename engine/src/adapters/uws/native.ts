import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { EvegramError } from '@evegram/protocol'
import type * as Uws from 'uWebSockets.js'

/** The module of uWebSockets.js. */
export type UwsModule = typeof Uws

const require = createRequire(import.meta.url)

/** File name of the native binary for this Node, operating system and processor. */
export function uwsBinaryName(): string {
  return `uws_${process.platform}_${process.arch}_${process.versions.modules}.node`
}

/** Path of the native binary for this Node, or undefined when the installed package carries none (or is not installed). */
export function findUwsBinary(): string | undefined {
  let main: string
  try {
    main = require.resolve('uWebSockets.js')
  } catch {
    // Not installed is an answer here, not a failure: the portable tier runs instead.
    return undefined
  }
  // The npm alias keeps binaries in ../binaries beside src/, the official tags beside their main file.
  return [join(dirname(main), '..', 'binaries', uwsBinaryName()), join(dirname(main), uwsBinaryName())].find((path) => existsSync(path))
}

/** Whether a native uWebSockets.js binary is mapped into this process. */
export function isUwsMapped(): boolean {
  const report = process.report.getReport()
  const objects: unknown = 'sharedObjects' in report ? report.sharedObjects : []
  return Array.isArray(objects) && objects.some((path) => typeof path === 'string' && path.endsWith(uwsBinaryName()))
}

/**
 * Loads uWebSockets.js and makes sure that it is the native one. The npm alias falls back to an incomplete imitation on `ws` when its
 * binary does not load, and its `App` is a function then too: only the mapped file proves anything. Throws `invalid.config`.
 */
export function loadUws(): UwsModule {
  const refuse = (advice: string, cause?: unknown): never => {
    throw new EvegramError('invalid.config', { operation: 'load uWebSockets.js', advice, cause })
  }
  if (findUwsBinary() === undefined) refuse(`uWebSockets.js has no binary ${uwsBinaryName()}: use Node 20 or the ws socket tier.`)
  let uws: UwsModule | undefined
  try {
    // createRequire answers any; the package is CommonJS and these are its own types.
    uws = require('uWebSockets.js') as UwsModule
  } catch (cause) {
    refuse('uWebSockets.js did not load: use the ws socket tier.', cause)
  }
  if (uws === undefined || !isUwsMapped()) return refuse('uWebSockets.js fell back to its imitation: use the ws socket tier.')
  return uws
}
