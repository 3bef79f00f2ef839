/** How a commit log may be synced. */
export type CommitlogSync = 'group' | 'batch' | 'periodic'
/** The text of cassandra.yaml of one node. */
export function renderCassandraYaml(node: {
  readonly index: number
  readonly hosts: readonly string[]
  readonly nativePort: number
  readonly storagePort: number
  readonly dir: string
  readonly commitlogSync: CommitlogSync
}): string
