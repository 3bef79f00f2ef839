// What a cluster needs beside signals so that more can be done to it: a cable to pull, a disk to fill, clocks to set. Each needs something of the machine.
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { cacheDir } from '../services/cache.mjs'
import { makeNamespace } from './namespace.mjs'
import { shiftedClocks } from './shifted-clock.mjs'
import { mountSmallDisk } from './small-disk.mjs'

/** What `--rig` takes: a node of Cassandra behind a cable, one with a small disk for its commit log, engines with clocks of their own. */
export const RIGS = ['cable', 'disk', 'clocks']
/** The node behind the cable is the last of the three, the one with the small disk another. */
const BEHIND_CABLE = 'cassandra-3'
const ON_SMALL_DISK = 'cassandra-2'
/** More than cassandra.yaml lets commit logs take, so that nothing but ballast fills it. */
const DISK_BYTES = 320 * 1_048_576

/**
 * Prepares what `wanted` names of {@link RIGS}. Resolves with `{states, hosts?, enclose, environmentOf, cut, mend, fill, clear, setClock, remove}`; `states`
 * says for each wanted rig `{name, on}` (what it can be used on) or `{name, missing}` (why not). Never rejects: what this machine lacks is missing.
 */
export async function prepareRig({ wanted, nodes, dir, servicesDir, say, environment = process.env }) {
  const made = {}
  const states = []
  const makers = {
    cable: async () => {
      if (nodes !== 3) throw new Error('with one node of Cassandra everything would be cut off')
      return [await makeNamespace(), BEHIND_CABLE]
    },
    disk: async () => {
      if (nodes !== 3) throw new Error('with one node of Cassandra every write would fail')
      return [await mountSmallDisk({ folder: join(servicesDir, `nodes-${nodes}`, ON_SMALL_DISK, 'commitlog'), bytes: DISK_BYTES }), ON_SMALL_DISK]
    },
    clocks: async () => {
      const cache = cacheDir(environment)
      mkdirSync(cache, { recursive: true })
      return [await shiftedClocks({ dir, cache, say, environment }), 'engine']
    },
  }
  for (const name of wanted) {
    try {
      const [thing, on] = await makers[name]()
      made[name] = thing
      states.push({ name, on })
    } catch (error) {
      states.push({ name, missing: error.message })
    }
  }
  const need = (name, target, on) => {
    if (made[name] === undefined || target !== on) throw new Error(`${target} has no ${name} in this cluster`)
    return made[name]
  }
  return {
    states,
    hosts: made.cable?.hosts,
    enclose: ({ name, start }) => (name === BEHIND_CABLE && made.cable !== undefined ? made.cable.enclose(start) : start),
    environmentOf: (name) => made.clocks?.environment(name) ?? {},
    cut: (name) => need('cable', name, BEHIND_CABLE).cut(),
    mend: (name) => need('cable', name, BEHIND_CABLE).mend(),
    fill: (name) => need('disk', name, ON_SMALL_DISK).fill(),
    clear: (name) => need('disk', name, ON_SMALL_DISK).clear(),
    setClock: (name, aheadMs) => need('clocks', 'engine', 'engine').set(name, aheadMs),
    remove: async () => {
      for (const thing of [made.cable, made.disk]) {
        // The other one is removed whatever happens to this.
        await thing?.remove().catch((error) => say(error.message))
      }
    },
  }
}
