import type { DeviceId, ErrorCode } from '@evegram/protocol'

/** Where a device stands that asks its own devices for history. */
export interface HistoryStatus {
  /** `asked`: another own device has to say yes. `taking`: one did, and its archive is fetched and merged. */
  readonly state: 'none' | 'asked' | 'taking' | 'done' | 'failed'
  /** What the person compares on the other device before they say yes: 30 digits of this device. */
  readonly code: string
  /** Other active devices of the account: those that can answer. */
  readonly devices: number
  /** Devices on which a person said no. */
  readonly declinedBy: readonly DeviceId[]
  /** In ms since 1970, server time. */
  readonly askedAtMs?: number
  /** Of `asked`: whether the other devices were told. What says it to them may still be on its way to the server, see `Client.pending`. */
  readonly told?: boolean
  /** The device whose archive is taken, or was. */
  readonly from?: DeviceId
  /** Messages in that archive. */
  readonly messages?: number
  /** Of `failed`: `not_found.blob` when the archive was not fetched in time, `e2ee.file_damaged`, `invalid.archive`, `incompatible.schema`, ... */
  readonly error?: ErrorCode
}

/** Another own device that asks this one. */
export interface HistoryRequested {
  readonly device: DeviceId
  /** 30 digits of the asking device: the person compares them with those that it shows. */
  readonly code: string
  /** In ms since 1970, server time. */
  readonly askedAtMs: number
  /** `waiting` for the person, `giving` since they said yes, `given`: it is up to the other device, `failed`: say yes again. */
  readonly state: 'waiting' | 'giving' | 'given' | 'declined' | 'failed'
  /** Of `failed`: `too_large.blob`, `limited.blobs`, `incompatible.schema`, `client.store`, ... */
  readonly error?: ErrorCode
}

/** How far it is, on either side. */
export interface HistoryProgress {
  readonly role: 'giving' | 'taking'
  /** The device at the other end. */
  readonly device: DeviceId
  readonly step: 'reading' | 'storing' | 'fetching' | 'importing'
  /** Of `step`: messages read, bytes stored or fetched, messages merged. */
  readonly done: number
  /** Of all, where that is known. */
  readonly total?: number
}

/** A request for history got another state, on either side. `ended`: the other device needs nothing more, or is none of the account any more. */
export interface HistoryChanged {
  readonly role: 'giving' | 'taking'
  /** The device at the other end; absent while nobody answered. */
  readonly device?: DeviceId
  readonly state: HistoryStatus['state'] | HistoryRequested['state'] | 'ended'
  readonly error?: ErrorCode
}

/**
 * History for a new device, from another own device: the new one asks, a person on an old one compares its digits and says yes, and an encrypted archive goes from
 * one to the other through the server, without any key of a device or session. What is merged is marked `fromArchive` and told once, as `history-imported`. Both sides
 * go on after a restart. All rejections beside those that are named: of the store.
 */
export interface History {
  /** Asks all other own devices, now and again until one answers. Once more while that goes on changes nothing. Rejects `history.no_device`, `files.none`. */
  request(): Promise<HistoryStatus>
  /** Where the request of this device stands. */
  status(): Promise<HistoryStatus>
  /** Needs nothing more; what was merged stays. */
  cancel(): Promise<void>
  /** Other own devices that ask this one, the newest first; for a week each. */
  requests(): Promise<readonly HistoryRequested[]>
  /** The person compared the digits of a device and says yes. Rejects `history.refused` for a device that does not ask or is not active, `files.none`. */
  approve(device: DeviceId | string): Promise<void>
  /** The person says no, or takes a yes back that was not sent yet. Rejects `history.refused` for a device that does not ask. */
  decline(device: DeviceId | string): Promise<void>
}
