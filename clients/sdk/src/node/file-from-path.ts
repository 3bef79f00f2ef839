import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { basename, extname } from 'node:path'
import { EvegramError } from '@evegram/protocol'
import type { FileSource } from '../files/file-source.js'

/** A file on the disk, to be sent. */
export interface NodeFile extends FileSource {
  /** Bytes when it was looked at. */
  readonly size: number
}

/** Media types that readers show; the rest is bytes. */
const TYPES: Readonly<Record<string, string>> = {
  '.png': 'image/png', '.jpg': 'image/jpeg', '.jpeg': 'image/jpeg', '.webp': 'image/webp', '.gif': 'image/gif', '.mp4': 'video/mp4', '.pdf': 'application/pdf', '.txt': 'text/plain',
}

/** The file at `path`, under its own name. Rejects `files.source` when there is no such file. */
export async function fileFromPath(path: string): Promise<NodeFile> {
  const facts = await stat(path).catch((cause: unknown) => { throw new EvegramError('files.source', { operation: 'open file', cause }) })
  if (!facts.isFile()) throw new EvegramError('files.source', { operation: 'open file', advice: 'This is no file.' })
  const type = TYPES[extname(path).toLowerCase()]
  return { name: basename(path), size: facts.size, ...(type === undefined ? {} : { type }), stream: () => createReadStream(path) }
}
