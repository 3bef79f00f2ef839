import type { DeviceId, ErrorCode } from '@evegram/protocol'

/** The digits that this device and another own one show for the same request. */
export interface HistoryCode {
  readonly device: DeviceId
  /** 30 digits, made of both devices and of the request: the person compares them with those that the other device shows, on both. */
  readonly code: string
}

/** Another own device that said yes, and whose digits the person has to compare here, too. */
export interface HistoryOffered extends HistoryCode {
  /** Messages in what it gives. */
  readonly messages: number
}

/** Where a device stands that asks its own devices for history. */
export interface HistoryStatus {
  /** `asked`: another own device has to say yes. `offered`: one did, and its digits are to be compared here. `taking`: they were, and its archive is fetched and merged. */
  readonly state: 'none' | 'asked' | 'offered' | 'taking' | 'done' | 'failed'
  /** Other active devices of the account: those that can answer. */
  readonly devices: number
  /** Of `asked` and `offered`: what each of them shows of this request. */
  readonly codes: readonly HistoryCode[]
  /** Of `offered`: those that said yes. Any device of the account can, one that somebody else added with the wallet too: see {@link History.confirm}. */
  readonly offers: readonly HistoryOffered[]
  /** The device whose digits the person found to be the same. */
  readonly confirmed?: DeviceId
  /** Devices on which a person said no. */
  readonly declinedBy: readonly DeviceId[]
  /** In ms since 1970, server time. */
  readonly askedAtMs?: number
  /** Of `asked` and `offered`: whether the other devices were told. What says it to them may still be on its way to the server, see `Client.pending`. */
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
  /** 30 digits, made of both devices and of the request: the person compares them with those that the asking device shows for this one. */
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
 * History for a new device, from another own device: the new one asks, a person compares the digits that both show and says yes on either, and an encrypted archive goes from
 * one to the other through the server, without any key of a device or session. Nothing leaves the old device, and nothing is fetched by the new one, before its person said yes. What is merged is marked `fromArchive` and told once, as `history-imported`. Both sides
 * go on after a restart. All rejections beside those that are named: of the store.
 */
export interface History {
  /** Asks all other own devices, now and again until one answers. Once more while that goes on changes nothing. Rejects `history.no_device`, `files.none`. */
  request(): Promise<HistoryStatus>
  /** Where the request of this device stands. */
  status(): Promise<HistoryStatus>
  /** Needs nothing more; what was merged stays. */
  cancel(): Promise<void>
  /**
   * The person compared the digits of another device, which they hold, and takes what it gives: what it offered already, or will. Of any other device nothing is taken. Said
   * of another one before anything was offered, that one counts. Rejects `history.refused` when this device does not ask, or that one is none of the account.
   */
  confirm(device: DeviceId | string): Promise<void>
  /** The digits of a device are others, or nobody holds it: nothing of what it offers is looked at. Rejects `history.refused` like {@link confirm}. */
  refuse(device: DeviceId | string): Promise<void>
  /** Other own devices that ask this one, the newest first; for a week each. */
  requests(): Promise<readonly HistoryRequested[]>
  /** The person compared the digits of a device, which they hold, and says yes. Rejects `history.refused` for a device that does not ask or is not active, `files.none`. */
  approve(device: DeviceId | string): Promise<void>
  /** The person says no, or takes a yes back that was not sent yet. Rejects `history.refused` for a device that does not ask. */
  decline(device: DeviceId | string): Promise<void>
}
