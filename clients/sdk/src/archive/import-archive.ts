import { CborFields, encodeCbor, decodeCbor, EvegramError, type DeviceId } from '@evegram/protocol'
import { readProfile } from '../core/profile.js'
import type { Transaction } from '../core/transaction.js'
import { readRecords, archiveFault, type ArchiveRecord } from './archive-frame.js'
import { readHeader, type ArchiveHeader } from './archive-header.js'
import { IMPORTERS } from './import-record.js'
import type { ImportCounts } from './import-counts.js'
import type { Imported, ImportPorts } from './import-ports.js'

/** Records that one transaction takes: what is held in memory, and what an interruption repeats. */
const RECORDS_PER_COMMIT = 128
/** Key of an import under way in table `history`, by the id of its archive. */
export const importKey = (id: string): string => `import/${id}`

/** Counts of an import that begins. */
const NOTHING: ImportCounts = { messages: 0, known: 0, conversations: 0, channels: 0, posts: 0, gaps: 0, verified: 0, registers: 0, skipped: 0 }

/** Choices of {@link importArchive}. */
export interface ImportOptions {
  /** Names the archive, so that an import that was interrupted goes on where it was; otherwise it begins anew, which brings nothing twice. */
  readonly id?: string
  /** The own device that must have written it, and told its registers to the others itself. */
  readonly from?: DeviceId
  /** Called after every commit with what was brought so far. */
  readonly onProgress?: (counts: ImportCounts) => void
  readonly signal?: AbortSignal
}

interface Place {
  readonly records: number
  readonly counts: ImportCounts
}

function encodePlace({ records, counts }: Place): Uint8Array {
  return encodeCbor({ records, counts: { ...counts } })
}

function decodePlace(row: Uint8Array): Place {
  const fields = new CborFields(decodeCbor(row, 4_096), 'client.store')
  const counts = new CborFields(fields.value('counts'), 'client.store')
  const names = Object.keys(NOTHING)
  // The names are those of the constant.
  return { records: fields.uint('records'), counts: Object.fromEntries(names.map((name) => [name, counts.uint(name)])) as unknown as ImportCounts }
}

async function checkHeader({ local, account }: ImportPorts, record: ArchiveRecord, from: DeviceId | undefined): Promise<ArchiveHeader> {
  const header = readHeader(record)
  const profile = await readProfile(local.store)
  if (header.account !== account || header.domain !== profile?.domain || header.serverId !== profile.serverId) {
    throw new EvegramError('archive.other_account', { operation: 'import archive' })
  }
  if (from !== undefined && header.device !== from) throw archiveFault('an archive of the device that gave it')
  return header
}

/**
 * Merges an archive into the profile: what is not here is added and marked `fromArchive`, what this device read itself stays. Once more, and in any
 * order with others, gives the same profile. Committed in steps; an interruption leaves what was committed. Resolves with what it brought.
 * Throws `archive.other_account` for one of another account or server, before anything is written; `invalid.archive` for one that is damaged;
 * `incompatible.schema` for one of a newer version; the reason of `signal` when it aborts.
 */
export async function importArchive(ports: ImportPorts, bytes: AsyncIterable<Uint8Array>, options: ImportOptions = {}): Promise<ImportCounts> {
  const key = options.id === undefined ? undefined : importKey(options.id)
  const row = key === undefined ? undefined : await ports.local.store.get('history', key)
  const begun = row === undefined ? { records: 0, counts: NOTHING } : decodePlace(row)
  let { counts } = begun
  let read = 0
  let header: ArchiveHeader | undefined
  let batch: ArchiveRecord[] = []
  const commit = async (isEnd: boolean): Promise<void> => {
    options.signal?.throwIfAborted()
    const records = batch
    batch = []
    counts = await ports.local.write((tx) => importBatch(ports, tx, records, counts, { key, read, isEnd, from: options.from }))
    options.onProgress?.(counts)
  }
  for await (const record of readRecords(bytes)) {
    read += 1
    if (header === undefined) {
      header = await checkHeader(ports, record, options.from)
      continue
    }
    if (record.type === 'end') checkEnd(record, read)
    if (read <= begun.records) continue
    batch.push(record)
    if (batch.length >= RECORDS_PER_COMMIT) await commit(false)
  }
  await commit(true)
  return counts
}

function checkEnd({ fields }: ArchiveRecord, read: number): void {
  const records = new CborFields(fields, 'invalid.archive').uint('records')
  if (records !== read - 1) throw archiveFault(`${String(records)} records before the end`)
}

async function importBatch(
  ports: ImportPorts, tx: Transaction, records: readonly ArchiveRecord[], before: ImportCounts,
  { key, read, isEnd, from }: { readonly key: string | undefined; readonly read: number; readonly isEnd: boolean; readonly from: DeviceId | undefined },
): Promise<ImportCounts> {
  const counts = { ...before }
  for (const { type, fields } of records) {
    if (type === 'end') continue
    const imported = await (IMPORTERS.get(type)?.(ports, tx, fields) ?? Promise.resolve<Imported>('skipped'))
    if (imported !== undefined) counts[imported] += 1
  }
  if (isEnd && counts.registers > 0 && from === undefined) await ports.state.tellAgain(tx)
  if (key !== undefined) {
    if (isEnd) tx.remove('history', key)
    else tx.put('history', key, encodePlace({ records: read, counts }))
  }
  return counts
}
