// Redis on Debian and Ubuntu when this runs as root and there is none: the same package that the preflight would name.
import { existsSync, mkdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { cached, entryName } from './cache.mjs'
import { findProgram } from './preflight.mjs'
import { runTool } from './run-tool.mjs'

const INSTALL_MS_MAX = 300_000
/** redis-tools holds the server's program under this name; it acts as the name it is called by. The package redis-server would also start a daemon. */
const PROGRAM = '/usr/bin/redis-check-rdb'

/** Whether Redis can be installed here without asking anybody. */
export function canInstallRedis() {
  return process.platform === 'linux' && process.getuid?.() === 0 && findProgram('apt-get') !== undefined
}

/** Installs Redis and resolves with the path of its server, which lies in the cache. */
export async function installRedis(cache, say) {
  const options = { cwd: '/', timeoutMs: INSTALL_MS_MAX, env: { DEBIAN_FRONTEND: 'noninteractive' }, say: (elapsed) => say(`still installing Redis (${elapsed} s)`) }
  if (!existsSync(PROGRAM)) {
    say('installing Redis by apt-get (once)')
    await runTool('apt-get', ['-q', 'update'], options)
    await runTool('apt-get', ['-q', 'install', '-y', '--no-install-recommends', 'redis-tools'], options)
  }
  const folder = await cached(cache, entryName('redis-server', PROGRAM), async (aside) => {
    mkdirSync(aside, { recursive: true })
    symlinkSync(PROGRAM, join(aside, 'redis-server'))
  }, say)
  return join(folder, 'redis-server')
}
