// Cassandra without a package of it: the run-time jars by Maven, our own configuration, one JVM a node.
import { closeSync, copyFileSync, openSync, readdirSync, readFileSync, readSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { cached, entryName, isWhole } from './cache.mjs'
import { renderCassandraYaml } from './cassandra-yaml.mjs'
import { askCassandra, CONSISTENCY } from './cql-probe.mjs'
import { runTool } from './run-tool.mjs'

/** The version that cassandra-pom.xml names. */
export const CASSANDRA_VERSION = '5.0.9'
/** Time to become ready: one node, and a ring on a busy machine. */
export const CASSANDRA_READY_MS = { 1: 120_000, 3: 300_000 }
/** The data center of SimpleSnitch. */
export const CASSANDRA_DATA_CENTER = 'datacenter1'

const here = dirname(fileURLToPath(import.meta.url))
const COPY_GOAL = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies'
const FETCH_MS_MAX = 600_000
const PROBE_MS = 4_000
/** A table that every cluster has, on three nodes where there are three: reading it from all asks every node to see every other. */
const REPLICATED_READ = 'SELECT parent_id FROM system_distributed.parent_repair_history WHERE parent_id = 00000000-0000-1000-8000-000000000000'

const entry = () => entryName(`cassandra-${CASSANDRA_VERSION}`, readFileSync(join(here, 'cassandra-pom.xml'), 'utf8'), COPY_GOAL)

/** Whether the jars are in the cache, so that Maven is not needed. */
export function hasCassandraJars(cache) {
  return isWhole(cache, entry())
}

/** The folder with the jars, fetched when it is not in the cache. */
export function fetchCassandraJars(cache, { mvn, javaHome }, say, abort) {
  return cached(cache, entry(), async (folder) => {
    say(`fetching Cassandra ${CASSANDRA_VERSION} by Maven (67 MB, once)`)
    const pom = join(folder, 'pom.xml')
    copyFileSync(join(here, 'cassandra-pom.xml'), pom)
    await runTool(mvn, ['-q', '-B', '-f', pom, COPY_GOAL, '-DincludeScope=runtime', `-DoutputDirectory=${folder}`], {
      cwd: folder, timeoutMs: FETCH_MS_MAX, abort, env: javaHome === undefined ? {} : { JAVA_HOME: javaHome },
      say: (elapsed) => say(`still fetching Cassandra (${elapsed} s)`),
    })
  }, say)
}

/** The lines of a file of options that are options. */
export function optionLines(text) {
  return text.split('\n').map((line) => line.trim()).filter((line) => line !== '' && !line.startsWith('#'))
}

/** The processes of a cluster of as many nodes as `hosts`: what to write, what to make, what to start. */
export function planCassandra({ hosts, nativePort, storagePort, dir, java, jars, commitlogSync }) {
  const options = optionLines(readFileSync(join(here, 'cassandra-jvm.options'), 'utf8'))
  return hosts.map((host, index) => {
    const name = `cassandra-${index + 1}`
    const home = join(dir, name)
    const yaml = join(home, 'cassandra.yaml')
    return {
      name, kind: 'cassandra', address: `${host}:${nativePort}`,
      // The JVM's folder for temporary files must be there before it starts.
      folders: [join(home, 'tmp')],
      files: [{ path: yaml, text: renderCassandraYaml({ index, hosts, nativePort, storagePort, dir: home, commitlogSync }) }],
      start: {
        command: java,
        args: [
          ...options, `-Dcassandra.config=file://${encodeURI(yaml)}`, `-Dcassandra.storagedir=${home}`, `-Dcassandra.logdir=${home}`,
          `-Dlogback.configurationFile=${join(here, 'cassandra-logback.xml')}`, `-Djava.io.tmpdir=${join(home, 'tmp')}`,
          '-cp', join(jars, '*'), 'org.apache.cassandra.service.CassandraDaemon',
        ],
        env: {}, cwd: home,
      },
      log: join(home, 'output.log'),
    }
  })
}

/**
 * Removes segments of a commit log that have no header: a node that could not write one for want of room stored nothing in them, and later refuses to start
 * because of them. For a node that does not run. Returns their names.
 */
export function removeHeaderless(commitlog) {
  return readdirSync(commitlog).filter((name) => {
    if (!name.startsWith('CommitLog-') || !name.endsWith('.log')) return false
    const path = join(commitlog, name)
    const file = openSync(path, 'r')
    // The header begins with the version of the format, in four bytes, which is never zero.
    const version = Buffer.alloc(4)
    try {
      readSync(file, version)
    } finally {
      closeSync(file)
    }
    if (version.readUInt32BE() !== 0) return false
    rmSync(path)
    return true
  })
}

/**
 * Resolves when the node answers queries, sees `nodes` - 1 others, agrees with them on the schema and reads from all of them; rejects with what is
 * still missing.
 */
export async function checkCassandra(address, nodes) {
  const [host, port] = address.split(':')
  const ask = (cql, consistency = CONSISTENCY.one) => ({ cql, consistency })
  const queries = [ask('SELECT schema_version FROM system.local'), ask('SELECT schema_version FROM system.peers_v2')]
  if (nodes > 1) queries.push(ask(REPLICATED_READ, CONSISTENCY.all))
  const [local = [], peers = []] = await askCassandra({ host, port: Number(port) }, queries, PROBE_MS)
  if (peers.length !== nodes - 1) throw new Error(`sees ${peers.length} of ${nodes - 1} other nodes`)
  if (peers.some(([version]) => version !== local[0]?.[0])) throw new Error('the nodes do not agree on the schema yet')
}
