// A network namespace for one process, joined to this machine by a cable that can be pulled: a partition as the kernel makes it, without a proxy.
import { randomInt } from 'node:crypto'
import { networkInterfaces } from 'node:os'
import { runTool } from '../services/run-tool.mjs'
import { leftByTheDead, ownName } from './leftovers.mjs'

const COMMAND_MS_MAX = 10_000
/** RFC 2544 keeps 198.18.0.0/15 for tests of networks: nobody routes it. One /29 of it is a cluster. */
const NETWORKS = 256
const NETWORK_TRIES_MAX = 64

/**
 * Makes a namespace of this process. Resolves with `{hosts, enclose, cut, mend, remove}`: `hosts` are addresses for three processes of which the last is
 * inside, `enclose(start)` is a recipe that starts there, `cut()` and `mend()` pull and plug the cable. Rejects with why this machine does not allow it.
 */
export async function makeNamespace() {
  if (process.platform !== 'linux') throw new Error('network namespaces are a feature of Linux')
  await removeLeftovers()
  const name = ownName()
  // Names of interfaces have 15 characters at most.
  const [outer, inner] = [`ev${process.pid}o`, `ev${process.pid}i`]
  const prefix = freePrefix()
  const hosts = [1, 2, 3].map((last) => `${prefix}.${last}`)
  const [first, second, third] = hosts
  await ip('netns', 'add', name)
  try {
    await ip('link', 'add', outer, 'type', 'veth', 'peer', 'name', inner)
    await ip('link', 'set', inner, 'netns', name)
    for (const host of [first, second]) await ip('addr', 'add', `${host}/29`, 'dev', outer)
    await ip('link', 'set', outer, 'up')
    await ip('-n', name, 'addr', 'add', `${third}/29`, 'dev', inner)
    for (const device of ['lo', inner]) await ip('-n', name, 'link', 'set', device, 'up')
  } catch (error) {
    await removeNamespace(name)
    throw error
  }
  return {
    hosts,
    enclose: (start) => ({ ...start, command: 'ip', args: ['netns', 'exec', name, start.command, ...start.args] }),
    cut: () => ip('-n', name, 'link', 'set', inner, 'down'),
    mend: () => ip('-n', name, 'link', 'set', inner, 'up'),
    // Its end of the cable goes with it, and the other end with that.
    remove: () => removeNamespace(name),
  }
}

function freePrefix() {
  const taken = new Set(Object.values(networkInterfaces()).flat().map(({ address }) => address.split('.').slice(0, 3).join('.')))
  for (let tries = 0; tries < NETWORK_TRIES_MAX; tries++) {
    const prefix = `198.18.${randomInt(NETWORKS)}`
    if (!taken.has(prefix)) return prefix
  }
  throw new Error('no part of 198.18.0.0/16 is free on this machine')
}

async function removeLeftovers() {
  const listed = await runTool('ip', ['netns', 'list'], { cwd: '/', timeoutMs: COMMAND_MS_MAX })
  for (const name of leftByTheDead(listed.split(/\s+/))) await removeNamespace(name)
}

function removeNamespace(name) {
  return ip('netns', 'delete', name)
}

async function ip(...args) {
  await runTool('ip', args, { cwd: '/', timeoutMs: COMMAND_MS_MAX })
}
