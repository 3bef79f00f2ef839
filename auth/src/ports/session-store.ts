import type { AccountId, DeviceId } from '@evegram/protocol'

/** Why sessions end. */
export const REVOCATION_REASONS = ['logout', 'refresh_reused', 'device_revoked', 'account_closed', 'displaced'] as const
/** Why a session ended. */
export type RevocationReason = (typeof REVOCATION_REASONS)[number]

/** One session: a family of refresh tokens that follow each other. */
export interface SessionRecord {
  /** Random name, 32 hex digits. */
  readonly family: string
  readonly account: AccountId
  readonly device: DeviceId
  readonly createdAtMs: number
  /** Number of the one refresh token that is current; the first is 1. */
  readonly generation: number
  /** When `generation` became current, in ms since 1970. */
  readonly rotatedAtMs: number
  /** When the current refresh token runs out. */
  readonly expiresAtMs: number
  readonly revoked?: { readonly atMs: number; readonly reason: RevocationReason }
}

/** Answer of {@link SessionStore.rotate}: moved on, or the record that stands against it. */
export type RotateOutcome =
  | { readonly status: 'rotated'; readonly record: SessionRecord }
  | { readonly status: 'refused'; readonly record: SessionRecord }
  | { readonly status: 'unknown' }

/** Answer of {@link SessionStore.sweep}. */
export interface SweepOutcome {
  readonly removed: number
  /** Where the next step goes on, undefined at the end. */
  readonly next: string | undefined
}

/**
 * Sessions of devices. Every change is conditional and atomic; resolved = synced; a revoked session is a written state that no
 * later write undoes. Reads see every change that resolved before. All calls may reject with `unavailable.store`.
 */
export interface SessionStore {
  /**
   * Adds a session. When the device then has more than `activeMax`, its oldest ones are revoked as `displaced` in the same step and
   * returned.
   */
  create(record: SessionRecord, activeMax: number): Promise<readonly SessionRecord[]>
  read(family: string): Promise<SessionRecord | undefined>
  /** Makes `generation` + 1 current if the session is not revoked and `generation` is current. */
  rotate(family: string, generation: number, atMs: number, expiresAtMs: number): Promise<RotateOutcome>
  /** Revokes one session; false when it was revoked before or is unknown. */
  revoke(family: string, reason: RevocationReason, atMs: number): Promise<boolean>
  /** Revokes all sessions of a device, or of the whole account; returns those that were not revoked before. */
  revokeAll(account: AccountId, device: DeviceId | undefined, reason: RevocationReason, atMs: number): Promise<readonly SessionRecord[]>
  /**
   * Forgets sessions that ran out before `beforeMs`, looking at no more than `limit` from `from` on. A store may forget them by itself instead, no
   * earlier than `AUTH_LIMITS.endedSessionMs` after they ran out; a sweep then forgets none.
   */
  sweep(beforeMs: number, limit: number, from: string | undefined): Promise<SweepOutcome>
}
