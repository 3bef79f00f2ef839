/**
 * What a caller may do about a failure:
 * `never` the same call fails the same way; `after_fix` once the caller changed something named in the message;
 * `after_backoff` the same call later; `at_once` the same call now, it is known to be safe.
 */
export type RetryClass = 'never' | 'after_fix' | 'after_backoff' | 'at_once'

/** Every error code of the product: its retry class and what a person should do next. The code is API; the text is not. */
export const ERROR_CODES = {
  // --- input that does not parse or does not fit
  'invalid.hex': ['after_fix', 'Give an even number of hexadecimal digits.'],
  'invalid.utf8': ['after_fix', 'Send well-formed UTF-8.'],
  'invalid.base64': ['after_fix', 'Send canonical base64 (or base64url where the field says so).'],
  'invalid.id': ['after_fix', 'Ids are 32 lower-case hexadecimal digits.'],
  'invalid.cbor': ['after_fix', 'Send deterministic CBOR (RFC 8949 section 4.2) of the documented shape.'],
  'invalid.frame': ['after_fix', 'Frames start with the 12-byte header of docs/protocol.md.'],
  'invalid.frame_type': ['after_fix', 'Use a frame type of docs/protocol.md that fits the state of the connection.'],
  'invalid.envelope': ['after_fix', 'Build the envelope as docs/protocol.md says.'],
  'invalid.payload': ['after_fix', 'Build the payload as docs/protocol.md says.'],
  'invalid.log_entry': ['after_fix', 'Build the account-log entry as docs/protocol.md says.'],
  'invalid.channel_post': ['after_fix', 'Build the post as docs/protocol.md says.'],
  'invalid.channel_link': ['after_fix', 'This is no link of a channel: copy it whole, it begins with evegram: and has a # in it.'],
  'invalid.notice': ['after_fix', 'Build the notice as docs/protocol.md says.'],
  'invalid.membership_entry': ['after_fix', 'Build the entry of the membership log as docs/protocol.md says.'],
  'invalid.position': ['after_fix', 'Use a position that the server issued.'],
  'invalid.request': ['after_fix', 'Compare the request with the OpenAPI page of the server.'],
  'invalid.response': ['after_backoff', 'The server answered with something that is not the protocol: check the address, or update client or server.'],
  'invalid.address': ['after_fix', 'Write the address as its chain writes it.'],
  'invalid.argument': ['after_fix', 'Look at the documentation of the call.'],
  'invalid.text_frame': ['after_fix', 'Send binary WebSocket messages only.'],
  'invalid.config': ['after_fix', 'Correct the named setting and start again.'],
  'invalid.wallet_file': ['after_fix', 'Make a wallet file with: evegram keys new'],
  'invalid.archive': ['never', 'This is no archive of Evegram, or it is damaged: nothing more is taken from it.'],
  'invalid.recovery_code': ['after_fix', 'This is no recovery code: look at the place that is named, and type it as it was printed.'],
  'too_large.frame': ['after_fix', 'Split the message; the limits are in /.well-known/evegram.'],
  'too_large.envelope': ['after_fix', 'Split the message; the limits are in /.well-known/evegram.'],
  'too_large.payload': ['after_fix', 'Split the message; the limits are in /.well-known/evegram.'],
  'too_large.file': ['after_fix', 'The file is larger than a message takes: split it, or send it another way.'],
  'too_large.blob': ['after_fix', 'The server stores no blob of that size; the limits are in /.well-known/evegram.'],
  'too_large.log_entry': ['after_fix', 'The account-log entry is larger than any honest one.'],
  'too_large.channel_post': ['after_fix', 'The post is longer than a channel takes.'],
  'too_large.membership_entry': ['after_fix', 'The entry of the membership log is larger than any honest one: change fewer members at a time.'],
  'too_large.request': ['after_fix', 'Send a smaller request.'],
  // --- wallet proofs (each names the first check that failed)
  'proof.domain': ['never', 'The wallet signed for another site: sign in at the right one.'],
  'proof.purpose': ['never', 'The proof was made for another action.'],
  'proof.account': ['never', 'The proof names another account.'],
  'proof.device': ['never', 'The proof names another device.'],
  'proof.log': ['after_fix', 'The account changed since the proof was made: sign again.'],
  'proof.other_wallet': ['never', 'The proof names another second wallet.'],
  'proof.body': ['never', 'The proof allows something else than what was asked.'],
  'proof.expired': ['after_fix', 'The proof is too old: ask for a new challenge and sign again.'],
  'proof.not_yet_valid': ['after_fix', 'The proof is from the future: correct the clock of the device.'],
  'proof.nonce': ['after_fix', 'The nonce is not one of this server for this purpose and device: ask for a new challenge.'],
  'proof.replayed': ['after_fix', 'This proof was used already: ask for a new challenge and sign again.'],
  'proof.signature': ['never', 'The signature does not verify.'],
  'proof.signature_encoding': ['never', 'The signature or key is not in canonical form.'],
  'proof.small_order_key': ['never', 'The public key is of small order and proves nothing.'],
  'proof.high_s': ['never', 'The signature has a high S value: normalise it to low S.'],
  'proof.address': ['never', 'The key does not belong to the address.'],
  'proof.text': ['never', 'The signed text is not the one that the fields give.'],
  'proof.form': ['never', 'This form of proof is not known for this chain.'],
  'proof.malformed': ['never', 'The proof does not parse.'],
  'proof.state_init': ['never', 'The wallet contract does not match the address.'],
  'proof.wallet_unsupported': ['never', 'This kind of wallet is not supported: use a plain single-key wallet.'],
  'proof.network': ['never', 'The wallet is on a test network, this server is not (or the other way round).'],
  'proof.missing': ['after_fix', 'The entry needs other signatures than the ones it carries: docs/protocol.md lists them.'],
  // --- identity and account logs
  'account.not_found': ['after_backoff', 'Nobody has signed in with this address yet.'],
  'account.closed': ['never', 'This account was closed by its owner.'],
  'account.log_invalid': ['never', 'The account log breaks its own rules: do not trust this server for that account.'],
  'account.log_rolled_back': ['never', 'The server showed an older or different history of the account than before: sending is stopped.'],
  'account.log_withheld': ['after_backoff', 'A peer knows a newer state of the account than the server shows.'],
  'account.mismatch': ['never', 'The server answered with an account that the address does not belong to.'],
  'account.founding_wallet': ['never', 'The founding wallet cannot be removed.'],
  'account.wallet_taken': ['never', 'This wallet already belongs to an account.'],
  'account.wallet_unknown': ['never', 'This wallet is not an active wallet of the account.'],
  'account.wallet_limit': ['after_fix', 'Unlink a wallet first.'],
  'account.device_unknown': ['never', 'This device is not an active device of the account.'],
  'account.device_revoked': ['never', 'A revoked device never returns: sign in as a new device.'],
  'account.device_limit': ['after_fix', 'Revoke a device first.'],
  'account.log_full': ['never', 'The account log holds as many entries as it may.'],
  'account.policy': ['after_fix', 'The policy of the account asks for more: approve the device on an old one.'],
  'account.attestation_expired': ['after_fix', 'The attestation of the device is too old: its owner must renew it.'],
  // --- history and backups
  'archive.other_account': ['never', 'The archive belongs to another account or another server: open it with a profile of that account.'],
  'backup.not_opened': ['after_fix', 'The recovery code or passphrase does not open this backup, or the backup is damaged.'],
  'backup.none': ['after_fix', 'There is no backup yet: make one with evegram backup create'],
  'history.no_device': ['after_fix', 'This account has no other device: restore a backup instead.'],
  'history.refused': ['after_fix', 'History is only given to, and taken from, own active devices.'],
  // --- groups
  'group.log_invalid': ['never', 'The membership log of the group breaks its own rules: do not trust this server for that group.'],
  'group.log_full': ['never', 'The membership log holds as many entries as it may: members can only be removed or leave.'],
  'group.ended': ['never', 'Everybody has left this group.'],
  'group.role': ['never', 'Your role in the group does not allow this: ask an owner.'],
  'group.last_owner': ['after_fix', 'A group keeps an owner: make another member an owner first.'],
  'group.member_known': ['never', 'The account is a member of the group already.'],
  'group.member_unknown': ['never', 'The account is not a member of the group.'],
  'group.member_limit': ['after_fix', 'The group has as many members as it may: remove somebody first, or use a channel.'],
  // --- channels
  'channel.log_invalid': ['never', 'The posts of the channel break their own rules: do not trust this server for that channel.'],
  'channel.author_limit': ['never', 'As many accounts have posted in this channel as may: nobody new can post in it.'],
  'channel.key': ['after_fix', 'The link does not belong to this channel: ask for a new one.'],
  // --- notices of the server
  'notice.forged': ['never', 'This is no notice of this server for this account: it was not shown.'],
  'server.identity_changed': ['never', 'This is not the server that the profile was made with.'],
  // --- sessions and permission
  'auth.token_missing': ['after_fix', 'Send the access token.'],
  'auth.token_invalid': ['after_fix', 'Sign in again.'],
  'auth.token_expired': ['after_fix', 'Refresh the session.'],
  'auth.token_revoked': ['never', 'The session was revoked: sign in again.'],
  'auth.dpop': ['after_fix', 'Send a fresh DPoP proof (RFC 9449) made with the key of the device.'],
  'auth.dpop_replayed': ['after_fix', 'Make a new DPoP proof for every request.'],
  'auth.refresh_reused': ['never', 'An old refresh token was used again: the session was closed. Sign in again.'],
  'auth.hello': ['after_fix', 'The hello does not prove possession of the device key for this connection.'],
  'auth.hello_timeout': ['after_backoff', 'Send hello within 10 seconds of connecting.'],
  'auth.service': ['after_fix', 'The calling service is not known here: compare its EVEGRAM_SERVICE_KEY with EVEGRAM_SERVICE_KEYS, and the clocks.'],
  'auth.operator': ['after_fix', 'Use the operator token printed by the server.'],
  'denied.not_member': ['never', 'The account is not a member of this conversation.'],
  'denied.not_author': ['never', 'Only authors post in a channel: ask its owner.'],
  'denied.not_sender': ['never', 'Only who wrote a message may do this with it; in a group its owners and admins may delete.'],
  'denied.notices': ['never', 'Only the server writes notices, signed with a key of its own.'],
  'denied.sender': ['never', 'A device can only send as itself.'],
  'denied.origin': ['after_fix', 'Add the origin to EVEGRAM_ALLOWED_ORIGINS.'],
  'denied.host': ['after_fix', 'Use the configured public URL, or add it to the configuration.'],
  'denied.blocked': ['never', 'The account does not accept messages from you.'],
  'denied.push_service': ['after_fix', 'This server does not send to the push service of this browser: its operator names those that it sends to.'],
  'denied.scope': ['never', 'The operator token does not allow this: use one that has the scope.'],
  'denied.same_person': ['never', 'Somebody else must do this: two people are needed.'],
  // --- money
  'wallet.none': ['after_fix', 'This server has no wallet bridge.'],
  'wallet.insufficient_funds': ['after_fix', 'The account holds less than that, what is reserved taken off.'],
  'wallet.account_closed': ['never', 'The account of this asset was closed.'],
  'wallet.asset_unknown': ['after_fix', 'The asset is not one of this server: GET /v1/wally/assets lists them.'],
  'wallet.payout_refused': ['after_fix', 'The payout is refused: the reason in the details says why (docs/payouts.md).'],
  'wallet.transfer_refused': ['after_fix', 'The transfer is refused: the reason in the details says why (docs/ledger.md).'],
  // --- state that must be refreshed
  'stale.devices': ['at_once', 'Members have other devices now: fetch their account logs and encrypt for them.'],
  'stale.membership': ['at_once', 'The conversation has other members now: fetch the membership and send again.'],
  'conflict.log_head': ['after_fix', 'The account log moved on: fetch it and sign again.'],
  'conflict.membership_head': ['after_fix', 'The group changed meanwhile: fetch its membership log and sign again.'],
  'conflict.channel_head': ['at_once', 'Somebody posted meanwhile: read the posts behind yours and sign again.'],
  'conflict.profile_in_use': ['after_fix', 'Another process uses this profile: stop it or use another profile.'],
  'conflict.data_in_use': ['after_fix', 'Another server uses this data folder: stop it or set EVEGRAM_DATA_DIR.'],
  'conflict.request_differs': ['never', 'This id was used for another request: choose a new one for a new request.'],
  'conflict.payout_state': ['after_fix', 'The payout stands where this cannot happen any more, or not yet: read it again.'],
  'conflict.busy': ['after_backoff', 'The same work is being done for somebody else: try again when it is done.'],
  'conflict.blob_offset': ['at_once', 'The blob ends elsewhere: the details say where to go on.'],
  'conflict.blob_digest': ['after_fix', 'What arrived is not what was announced: it was removed. Send the blob again from its beginning.'],
  'conflict.message': ['never', 'A different message was already sent under this id.'],
  'conflict.in_flight': ['after_backoff', 'Wait for the acknowledgement of the previous message.'],
  'order.ahead': ['after_fix', 'The order key is too far in the future: synchronise with the server time.'],
  'append.too_late': ['at_once', 'The store took too long: send the same bytes again.'],
  'discontinuity': ['never', 'The cursor is older than what the server keeps: older messages are gone.'],
  'not_found.conversation': ['after_fix', 'Open the conversation first.'],
  'not_found.message': ['after_fix', 'This profile has no such message in this conversation.'],
  'not_found.route': ['after_fix', 'Compare the address with the OpenAPI page of the server.'],
  'not_found.prekeys': ['after_backoff', 'The device has no keys on the server.'],
  'not_found.blob': ['never', 'The server has no such file, or has it no more: ask its sender for it.'],
  'not_found.resource': ['after_fix', 'There is nothing under this name.'],
  'incompatible.schema': ['after_fix', 'The data was written by a newer version: install it, or restore a backup.'],
  'incompatible.protocol': ['after_fix', 'Update the client or the server.'],
  // --- limits and load
  'limited.rate': ['after_backoff', 'Slow down; the answer says how long to wait.'],
  'limited.prekeys': ['after_backoff', 'Too many key requests for this device; the answer says how long to wait.'],
  'limited.channels': ['after_fix', 'One connection follows only so many channels: leave one first.'],
  'limited.blobs': ['after_backoff', 'You have stored as much as the server takes for now; the answer says how long to wait.'],
  'limited.files': ['after_backoff', 'Files that wait for the server fill the room that there is for them: wait until they are sent, or cancel one.'],
  'limited.connections': ['after_backoff', 'The server is full: try again later.'],
  'limited.state': ['after_fix', 'The state of this account holds as many entries of this kind as it may: use the ones that are there.'],
  'limited.queue': ['after_backoff', 'A queue is full: try again later.'],
  // --- failures of parts
  'unavailable.envelope_log': ['after_backoff', 'The message store does not answer.'],
  'unavailable.store': ['after_backoff', 'A store does not answer.'],
  'unavailable.blob_store': ['after_backoff', 'The store of files does not answer, or is full.'],
  'unavailable.presence': ['after_backoff', 'The presence store does not answer.'],
  'unavailable.bus': ['after_backoff', 'The broker does not answer.'],
  'unavailable.clock': ['after_backoff', 'The clock of this node is not confirmed.'],
  'unavailable.ledger_starting': ['after_backoff', 'The ledger is starting: ask again in a moment. Nothing was done.'],
  'unavailable.chain': ['after_backoff', 'The endpoint of a chain does not answer, or answers what cannot be.'],
  'unavailable.auth': ['after_backoff', 'The sign-in service does not answer.'],
  'unavailable.server': ['after_backoff', 'The server cannot be reached; check the address and run: evegram doctor'],
  'unavailable.draining': ['at_once', 'The server is restarting: connect again.'],
  'timeout': ['after_backoff', 'No answer within the time allowed.'],
  'internal': ['after_backoff', 'A fault in the server; its log has the details.'],
  // --- end-to-end encryption (client side)
  'e2ee.self_test': ['never', 'The encryption library failed its self-test and was not used.'],
  'e2ee.untrusted_identity': ['never', 'The key of the device is not the one its owner attested.'],
  'e2ee.bundle_invalid': ['never', 'The key bundle is not signed by its device, or is too old.'],
  'e2ee.bad_mac': ['never', 'The message was changed on the way.'],
  'e2ee.undecryptable': ['after_backoff', 'The message cannot be read yet; a new copy was asked for.'],
  'e2ee.replayed': ['never', 'The message was delivered before.'],
  'e2ee.low_order_key': ['never', 'The key is of low order and keeps no secret.'],
  'e2ee.envelope_mismatch': ['never', 'What was encrypted does not belong to the envelope around it.'],
  'e2ee.chain_broken': ['never', 'The history of the sender does not fit what was received before.'],
  'e2ee.session_missing': ['after_backoff', 'There is no session with the device yet.'],
  'e2ee.resend_refused': ['never', 'The request to send again is not signed by a device that was meant to read the message.'],
  'e2ee.file_damaged': ['never', 'The file is not the one that its sender encrypted: it was not opened.'],
  'push.none': ['after_fix', 'This server wakes no devices.'],
  'files.none': ['after_fix', 'This server stores no files.'],
  'files.cancelled': ['never', 'The transfer was cancelled.'],
  'files.keeps_details': ['after_fix', 'The place and other details cannot be taken out of this photo or film: it is too large, damaged, or of a kind such as HEIC. Convert it, or send it unchanged.'],
  'files.source': ['after_fix', 'The file could not be read to its end: choose it again.'],
  'client.closed': ['never', 'The client was closed.'],
  'client.revoked': ['never', 'This device was revoked: sign in again with a new profile.'],
  'client.replaced': ['after_fix', 'Another connection of this device took over: use the profile in one place at a time.'],
  'client.insecure_url': ['after_fix', 'Use https:// and wss:// beyond this machine.'],
  'client.domain_mismatch': ['after_fix', 'The server serves another domain than its address: pass the domain that you expect.'],
  'client.not_signed_in': ['after_fix', 'Sign in first: evegram login --wallet <file>'],
  'client.store': ['after_backoff', 'The local store failed.'],
  'web.page_differs': ['never', 'The page that this server serves is not the one that you expect: do not use it, and tell its publisher.'],
  'client.leader_lost': ['after_fix', 'The tab that did the work went away before it answered: look whether it was done, and ask again if it was not.'],
  'client.tab_version': ['after_fix', 'Another tab runs another version of this page: load the tabs again.'],
} as const satisfies Record<string, readonly [RetryClass, string]>

/** A dotted error code, stable across versions. */
export type ErrorCode = keyof typeof ERROR_CODES

/** Whether `text` is an error code of this version. */
export function isErrorCode(text: string): text is ErrorCode {
  return Object.hasOwn(ERROR_CODES, text)
}

/** Details of an {@link EvegramError}. None of them may hold user data, keys, tokens or full addresses. */
export interface ErrorOptions {
  /** What was attempted, a verb and a noun: `append envelope`. */
  readonly operation?: string
  /** Overrides the advice of the code, in a full sentence. */
  readonly advice?: string
  /** Milliseconds to wait before a retry, where the answer names them. */
  readonly retryAfterMs?: number
  /** Facts that a program may act on: ids, versions, counts. */
  readonly details?: Readonly<Record<string, unknown>>
  /** The failure underneath. */
  readonly cause?: unknown
}

/** The one error type of the product: a dotted code, a retry class, advice for a person, and the cause. */
export class EvegramError extends Error {
  override readonly name = 'EvegramError'
  readonly code: ErrorCode
  readonly retry: RetryClass
  readonly operation: string | undefined
  readonly advice: string
  readonly retryAfterMs: number | undefined
  readonly details: Readonly<Record<string, unknown>> | undefined

  constructor(code: ErrorCode, options: ErrorOptions = {}) {
    const [retry, standardAdvice] = ERROR_CODES[code]
    const advice = options.advice ?? standardAdvice
    super(`${code}${options.operation === undefined ? '' : ` (${options.operation})`}: ${advice}`, { cause: options.cause })
    this.code = code
    this.retry = retry
    this.operation = options.operation
    this.advice = advice
    this.retryAfterMs = options.retryAfterMs
    this.details = options.details
  }
}

/** Whether `value` is an {@link EvegramError}, of `code` when one is given. */
export function isEvegramError(value: unknown, code?: ErrorCode): value is EvegramError {
  return value instanceof EvegramError && (code === undefined || value.code === code)
}
