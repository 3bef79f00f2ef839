// The configuration of a development node: small caches, but durable. What is not here keeps Cassandra's default.
import { join } from 'node:path'

/** How a commit log may be synced. `group` and `batch` acknowledge a write after its sync, `periodic` up to a second before. */
export const COMMITLOG_SYNCS = ['group', 'batch', 'periodic']

const SYNC_SETTINGS = {
  group: ['commitlog_sync: group', 'commitlog_sync_group_window: 5ms'],
  batch: ['commitlog_sync: batch'],
  periodic: ['commitlog_sync: periodic', 'commitlog_sync_period: 1000ms'],
}

/** Three nodes share the ring evenly; each starts at once, from a token of its own. */
const RING_TOKENS = ['-9223372036854775808', '-3074457345618258603', '3074457345618258602']

/** The text of cassandra.yaml for node `index` (from 0) of `hosts`, with its data below `dir`. */
export function renderCassandraYaml({ index, hosts, nativePort, storagePort, dir, commitlogSync }) {
  const host = hosts[index]
  const isRing = hosts.length > 1
  return [
    `cluster_name: evegram-${hosts.length}`,
    ...(isRing ? ['num_tokens: 1', `initial_token: ${RING_TOKENS[index]}`] : ['num_tokens: 4']),
    // Every node is a seed, so none waits for another to stream from.
    'auto_bootstrap: false',
    'partitioner: org.apache.cassandra.dht.Murmur3Partitioner',
    'endpoint_snitch: SimpleSnitch',
    'seed_provider:',
    '  - class_name: org.apache.cassandra.locator.SimpleSeedProvider',
    `    parameters: [{ seeds: "${hosts.join(',')}" }]`,
    `listen_address: ${host}`,
    `rpc_address: ${host}`,
    `storage_port: ${storagePort}`,
    `native_transport_port: ${nativePort}`,
    'start_native_transport: true',
    `data_file_directories: [${JSON.stringify(join(dir, 'data'))}]`,
    ...['commitlog', 'saved_caches', 'hints', 'cdc_raw'].map((name) => `${name}_directory: ${JSON.stringify(join(dir, name))}`),
    ...SYNC_SETTINGS[commitlogSync],
    'commitlog_segment_size: 8MiB',
    'commitlog_total_space: 256MiB',
    'memtable_heap_space: 64MiB',
    'memtable_offheap_space: 64MiB',
    'memtable_allocation_type: offheap_objects',
    'memtable:',
    '  configurations:',
    '    trie: { class_name: TrieMemtable }',
    '    default: { inherits: trie }',
    'sstable:',
    '  selected_format: bti',
    'storage_compatibility_mode: NONE',
    'paxos_variant: v2',
    'file_cache_size: 32MiB',
    'networking_cache_size: 16MiB',
    'key_cache_size: 8MiB',
    'row_cache_size: 0MiB',
    'counter_cache_size: 4MiB',
    'concurrent_reads: 32',
    // With group sync a writing thread waits for the window: sixteen threads would allow 3,000 writes a second whatever the machine can do.
    'concurrent_writes: 256',
    'native_transport_max_threads: 256',
    'concurrent_counter_writes: 8',
    'concurrent_materialized_view_writes: 2',
    'concurrent_compactors: 1',
    'authenticator: AllowAllAuthenticator',
    'authorizer: AllowAllAuthorizer',
    'role_manager: CassandraRoleManager',
    // A node that cannot write ends, where a supervisor sees it, rather than staying up deaf.
    'disk_failure_policy: die',
    'commit_failure_policy: die',
    'write_request_timeout: 5s',
    'read_request_timeout: 5s',
    'dynamic_snitch: false',
    // Tests drop keyspaces; nobody looks for what they held.
    'auto_snapshot: false',
    '',
  ].join('\n')
}
