import { createReadStream } from 'node:fs'
import { open, stat } from 'node:fs/promises'
import { basename, extname } from 'node:path'
import { EvegramError } from '@evegram/protocol'
import type { Part } from '../details/parts.js'
import { plainFile, type PlainFile } from '../details/plain-file.js'
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
  const facts = await stat(path).catch((cause: unknown) => { throw new EvegramError('files.source', { operation: 'open file', advice: 'There is no such file, or its folder may not be looked into.', cause }) })
  if (!facts.isFile()) throw new EvegramError('files.source', { operation: 'open file', advice: 'This is no file.' })
  const type = TYPES[extname(path).toLowerCase()]
  return { name: basename(path), size: facts.size, ...(type === undefined ? {} : { type }), stream: () => createReadStream(path) }
}

/**
 * The same without what a photo (JPEG, PNG, WebP) or film (MP4, QuickTime) says of where, when and by what it was made; other files are as they are. Rejects `files.source` as {@link fileFromPath} does, and
 * `files.keeps_details` where that cannot be taken out.
 */
export async function plainFileFromPath(path: string): Promise<NodeFile> {
  const file = await fileFromPath(path)
  const plain = await plainOf(path, file.size)
  if (plain === undefined) return file
  const size = plain.pieces.reduce((sum, piece) => sum + (piece instanceof Uint8Array ? piece.length : piece.to - piece.from), 0)
  return { name: file.name, type: plain.type, size, stream: () => streamOf(path, plain) }
}

async function plainOf(path: string, size: number): Promise<PlainFile | undefined> {
  const failed = (cause: unknown): never => { throw new EvegramError('files.source', { operation: 'read file', cause }) }
  const handle = await open(path).catch((cause: unknown) => { throw new EvegramError('files.source', { operation: 'open file', advice: 'The file may not be read.', cause }) })
  try {
    return await plainFile({
      size,
      async read(from, to) {
        const bytes: Part = new Uint8Array(to - from)
        for (let at = 0; at < bytes.length;) {
          const { bytesRead } = await handle.read(bytes, at, bytes.length - at, from + at).catch(failed)
          // It is shorter than it was a moment ago.
          if (bytesRead === 0) return failed(undefined)
          at += bytesRead
        }
        return bytes
      },
    })
  } finally {
    await handle.close()
  }
}

async function* streamOf(path: string, { pieces }: PlainFile): AsyncGenerator<Uint8Array, void, undefined> {
  for (const piece of pieces) {
    if (piece instanceof Uint8Array) yield piece
    // The end of a stream of node:fs belongs to it.
    else yield* createReadStream(path, { start: piece.from, end: piece.to - 1 }) as AsyncIterable<Buffer>
  }
}
