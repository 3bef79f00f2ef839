import { connectStorm } from './connect-storm.js'
import { idle } from './idle.js'
import { mixedDay } from './mixed-day.js'
import { nodeKill } from './node-kill.js'
import { prekeys } from './prekeys.js'
import { reconnectStorm } from './reconnect-storm.js'
import { resume } from './resume.js'
import { signInStorm } from './sign-in-storm.js'
import { slowConsumers } from './slow-consumers.js'
import { soak } from './soak.js'
import type { Task } from './task.js'

/** The scenarios that have steps of their own. */
export const TASKS: readonly Task[] = [signInStorm, resume, slowConsumers, nodeKill, mixedDay, soak, prekeys, idle, connectStorm, reconnectStorm]

/** The task of this name, if there is one. */
export function findTask(name: string): Task | undefined {
  return TASKS.find((task) => task.name === name)
}
