import { mixedDay } from './mixed-day.js'
import { nodeKill } from './node-kill.js'
import { prekeys } from './prekeys.js'
import { resume } from './resume.js'
import { signInStorm } from './sign-in-storm.js'
import { slowConsumers } from './slow-consumers.js'
import { soak } from './soak.js'
import type { Task } from './task.js'

/** The scenarios that have steps of their own. */
export const TASKS: readonly Task[] = [signInStorm, resume, slowConsumers, nodeKill, mixedDay, soak, prekeys]

/** The task of this name, if there is one. */
export function findTask(name: string): Task | undefined {
  return TASKS.find((task) => task.name === name)
}
