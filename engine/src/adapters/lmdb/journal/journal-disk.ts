/**
 * Where a journal lies: some files, known by small numbers. A port, so that tests take the disk away, cut it, and hold it up.
 *
 * The first two are asked once, before anything is written.
 */
export interface JournalDisk {
  /** Numbers of the files that are there. Throws what the disk says. */
  files(): readonly number[]
  /** The first `bytesMax` bytes of a file, or all. Throws what the disk says. */
  read(file: number, bytesMax: number): Buffer
  /**
   * Writes all of `bytes` at `offset` of a file, which is made when it is missing. Resolves when they, and the file itself, survive a loss of power.
   * Rejects with what the disk says: how much of it was written is not known then. One call at a time; `bytes` stay as they are until it ended.
   */
  write(file: number, offset: number, bytes: Uint8Array): Promise<void>
  /** Lets the files go, which stay. */
  close(): Promise<void>
}

const NO_ROOM = new Set<unknown>(['ENOSPC', 'EDQUOT', 'EFBIG'])

/** Whether a disk refused a write because there is no room: another one may be tried. After any other failure nobody knows what it holds. */
export function isOutOfRoom(failure: unknown): boolean {
  return typeof failure === 'object' && failure !== null && 'code' in failure && NO_ROOM.has(failure.code)
}
