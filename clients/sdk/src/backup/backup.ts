import type { BlobId } from '@evegram/protocol'
import type { ImportCounts } from '../archive/import-counts.js'
import type { OwnBlob } from '../files/blob-api.js'
import type { BackupSecret } from './backup-key.js'

/** How far a backup is. */
export interface BackupProgress {
  readonly step: 'reading' | 'storing' | 'fetching' | 'importing'
  /** Of `step`: messages read, bytes stored or fetched, messages imported. */
  readonly done: number
  /** Bytes of all, where that is known. */
  readonly total?: number
}

/** Choices of what takes long. */
export interface BackupOptions {
  readonly onProgress?: (progress: BackupProgress) => void
  /** Ends the work; what was sealed for the server is stored by the next call. */
  readonly signal?: AbortSignal
}

/** A backup that was made. */
export interface MadeBackup {
  /** Where it is at the server; absent for a file. */
  readonly blob?: BlobId
  readonly bytes: number
  readonly messages: number
  /** In ms since 1970. */
  readonly madeAtMs: number
}

/** Where the backups of a profile stand. */
export interface BackupStatus {
  /** What opens them; empty before `protect`. */
  readonly openedWith: readonly BackupSecret['kind'][]
  /** The newest one of this device. */
  readonly last?: { readonly madeAtMs: number; readonly messages: number; readonly place: 'server' | 'file' }
  /** One was sealed within the last day and is not stored yet: the next call goes on with it. */
  readonly unfinished: boolean
  /** Backups of the account at the server, newest first; absent where it stores none, or was not asked. */
  readonly stored?: readonly OwnBlob[]
}

/**
 * Encrypted backups of this profile: conversations, messages, groups, channels, contacts and settings. Sessions and keys of devices are never in them: who restores is
 * a new device. All rejections beside those that are named: `conflict.busy` while another call is under way, those of the store and of the server.
 */
export interface Backup {
  /** Where backups stand; with `ask` the server is asked what it has. */
  status(ask?: boolean): Promise<BackupStatus>
  /**
   * Makes a new key for the backups from now on, locked with `passphrase` (`invalid.argument` for fewer than 12 characters) or, without one, with a new
   * recovery code, which it resolves with: it is kept nowhere. Earlier backups open with what they were made with.
   */
  protect(passphrase?: string): Promise<string | undefined>
  /** Makes a backup, and gives its bytes to `write` in order. Rejects `backup.none` before `protect`. */
  toFile(write: (bytes: Uint8Array) => Promise<void>, options?: BackupOptions): Promise<MadeBackup>
  /** Stores a backup at the server, in place of the oldest there. Goes on with one that was interrupted within the last day. Rejects `backup.none`, `files.none`, `too_large.blob`. */
  toServer(options?: BackupOptions): Promise<MadeBackup>
  /**
   * Merges a backup into this profile: what it read itself stays, nothing comes twice. Rejects `backup.not_opened` for a wrong secret and for damage alike,
   * `invalid.recovery_code` for letters that are no code, `invalid.archive` for what is no backup, `archive.other_account`.
   */
  restore(bytes: AsyncIterable<Uint8Array>, secret: BackupSecret, options?: BackupOptions): Promise<ImportCounts>
  /** The same with the newest backup at the server, or the one that `blob` names. Rejects `backup.none` and `files.none` too. */
  restoreStored(secret: BackupSecret, options?: BackupOptions & { readonly blob?: BlobId }): Promise<ImportCounts>
}
