/** Every bound of the wire protocol in one place; units last. docs/protocol.md prints this table from the same constant. */
export const LIMITS = {
  /** Largest frame on the socket, header included. */
  frameBytesMax: 262_144,
  /** Largest frame before hello succeeded. */
  helloFrameBytesMax: 8_192,
  /** Largest envelope with all its bodies. */
  envelopeBytesMax: 196_608,
  /** Bodies of one envelope: one for each device of each member. */
  envelopeBodiesMax: 512,
  /** Account-log versions that an envelope names. */
  envelopeAccountsMax: 256,
  /** Largest single body (ciphertext for one device). */
  bodyBytesMax: 65_536,
  /** Largest encrypted payload before encryption, padding included. */
  payloadBytesMax: 49_152,
  /** Longest name of a group or channel, in UTF-8 bytes. */
  groupNameBytesMax: 128,
  /** Longest text of one message, in UTF-8 bytes. */
  textBytesMax: 32_768,
  /** Longest note of a payment or payment request, in UTF-8 bytes. */
  paymentNoteBytesMax: 1_024,
  /** Largest file of a message, before encryption. */
  fileBytesMax: 104_857_600,
  /** Files of one message. */
  filesPerMessageMax: 10,
  /** Longest name of a file, in UTF-8 bytes. */
  fileNameBytesMax: 255,
  /** Largest preview of a file. */
  filePreviewBytesMax: 2_048,
  /** All previews of one message together: a payload is encrypted for every device by itself. */
  filePreviewsBytesMax: 8_192,
  /** Largest encrypted blob that a server stores. */
  blobBytesMax: 134_217_728,
  /** Backups of one account that the server keeps: the oldest has to go before one more is stored. */
  backupsPerAccountMax: 4,
  /** Longest emoji of a reaction, in UTF-8 bytes. */
  reactionBytesMax: 64,
  /** Longest time after which a message disappears. */
  disappearSecondsMax: 365 * 24 * 3_600,
  /** Largest entry of an account log. */
  logEntryBytesMax: 16_384,
  /** Entries of one account log. */
  logEntriesMax: 4_096,
  /** Active devices of one account. */
  devicesPerAccountMax: 16,
  /** Active wallets of one account. */
  walletsPerAccountMax: 8,
  /** Largest entry of the membership log of a group. */
  membershipEntryBytesMax: 4_096,
  /** Entries of one membership log; beyond it members can only be removed or leave. */
  membershipEntriesMax: 4_096,
  /** Accounts that one entry of a membership log adds or removes. */
  membershipChangesMax: 128,
  /** Members of one group: an envelope names the account-log version of each. */
  groupMembersMax: 256,
  /** Largest encoded post of a channel. */
  channelPostBytesMax: 49_152,
  /** Accounts that ever posted in one channel: the post of one more is refused. */
  channelAuthorsMax: 1_024,
  /** Largest encoded notice of the server. */
  noticeBytesMax: 1_024,
  /** Channels that one connection follows. */
  followedChannelsMax: 256,
  /** Followers are told the head of a channel this often: what was not pushed to them shows at the latest then. */
  channelHeadIntervalMs: 30_000,
  /** Who goes on typing says so again this often. */
  typingRenewMs: 4_000,
  /** A notice of typing is shown no longer than this after it was said last. */
  typingShownMs: 10_000,
  /** Envelopes in one page of a read or catch-up. */
  pageEnvelopesMax: 256,
  /** Bytes of envelopes in one page. */
  pageBytesMax: 196_608,
  /** One-time prekeys that a device may hold on the server. */
  oneTimePrekeysMax: 200,
  /** How far an order key may be ahead of the node's clock. */
  orderAheadMsMax: 60_000,
  /** An append that took longer does not count (rule 2). */
  appendDeadlineMs: 2_000,
  /** Agreement of clocks that the lease demands (rule 2). */
  maxSkewMs: 500,
  /** How far `synced` stays behind what was confirmed (rule 4). */
  overlapMs: 60_000,
  /** Retention of envelopes. */
  retentionMs: 30 * 24 * 3_600_000,
  /** Retention of blobs of backups. */
  backupRetentionMs: 400 * 24 * 3_600_000,
  /** Time in which an upload goes on, or is forgotten. */
  uploadIdleMs: 24 * 3_600_000,
  /** Longest address at a push service that a device names. */
  pushEndpointCharactersMax: 2_048,
  /** A device that did not name its push service again for this long is not woken any more. */
  pushSubscriptionMs: 60 * 24 * 3_600_000,
  /** Time to say hello after connecting. */
  helloTimeoutMs: 10_000,
  /** Time for the answer of a request before a client gives it up. */
  requestTimeoutMs: 10_000,
  /** A client sends a ping when it sent nothing for this long; the server closes after twice this and a bit. */
  heartbeatMs: 25_000,
  /** Interval of `synced` frames on a live session. */
  syncedIntervalMs: 10_000,
  /** Deliveries on one socket that the client has not acknowledged yet; above it the server stops sending and turns to catch-up. */
  unackedDeliveriesMax: 2_048,
  /** Bytes waiting in one socket; above it the consumer is slow and the socket is closed. */
  outboundBytesMax: 4_194_304,
  /** Sends of one connection that are not acknowledged yet. */
  sendsInFlightMax: 256,
  /** Life of a challenge nonce. */
  challengeMs: 600_000,
  /** Life of an access token. */
  accessTokenMs: 600_000,
  /** Life of a refresh token that is not used. */
  refreshTokenMs: 30 * 24 * 3_600_000,
  /** Time in which the previous refresh token still gets the same successor. */
  refreshGraceMs: 60_000,
  /** Largest age of an attestation that peers accept. */
  attestationMs: 400 * 24 * 3_600_000,
  /** Largest age of a signed prekey that clients accept. */
  signedPrekeyMs: 60 * 24 * 3_600_000,
} as const
