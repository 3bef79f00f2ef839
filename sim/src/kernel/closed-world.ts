import type { Random } from '@evegram/protocol'
import { closeTheWorld } from './guard.js'
import type { PromiseName } from './run.js'

/**
 * Plays something while real time, randomness and I/O are out of reach for the whole process. What touches them, what nobody handles and what `play` rejects
 * with is told as broken. One at a time in a process.
 */
export async function inClosedWorld(broken: (promise: PromiseName, what: string) => void, blinding: Random, play: () => Promise<void>): Promise<void> {
  const onFault = (reason: unknown): void => {
    broken('program', `nobody handled: ${reason instanceof Error ? reason.stack ?? reason.message : String(reason)}`)
  }
  process.on('unhandledRejection', onFault)
  process.on('uncaughtException', onFault)
  const openTheWorld = closeTheWorld((what) => { broken('guard', `a simulated program touched ${what}`) }, blinding)
  try {
    await play()
  } catch (failure) {
    onFault(failure)
  } finally {
    openTheWorld()
    process.off('unhandledRejection', onFault)
    process.off('uncaughtException', onFault)
  }
}
