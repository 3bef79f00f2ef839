import { addressElsewhere, forkedLog, ghostDevice, ghostLink, rolledBackLog, withheldLog } from './account-lies.js'
import { ackAndDrop, failStoredAsAhead, failStoredForGood, failStoredForNow, forgeNotices, otherConversation, staleGhosts } from './answers.js'
import { noOneTimeKey, oldBundle, oneTimeKeyTwice, swappedBundle, swappedOneTimeKey } from './bundle-lies.js'
import { channelDenied, hiddenAuthors, postRefusedForStored } from './channel-answers.js'
import { changedPosts, forgedAuthor, forgedPost, forkChannel } from './channel-forgeries.js'
import {
  highHead, lowHead, otherChannel, reorderPosts, replayPosts, withholdPost, withholdPosts, wrongHead,
} from './channel-lies.js'
import { forgedMember, hiddenRemoval, rolledBackGroup } from './group-lies.js'
import type { LieKind } from './lie.js'
import { flipBits, moveEnvelope, swapBodies, truncate } from './rewrite.js'
import { cursorOverGap, duplicate, forgeCursor, forgePositions, reorder, replay, wrongDevice } from './stream.js'
import { fork, withholdConversation, withholdEverything, withholdOne, withholdSender, withholdTail } from './withhold.js'

/** Every lie that the malicious server knows. Each is counted as `lie/<name>` whenever it changed something. */
export const LIES: readonly LieKind[] = [
  {
    name: 'withhold one', place: 'deliveries', victims: 1, start: withholdOne,
    what: 'one message is never delivered, live, in catch-up or in history',
    must: 'name the gap once a later message of the chain came, and ask the sender',
  },
  {
    name: 'withhold tail', place: 'deliveries', victims: 1, start: withholdTail,
    what: 'the rest of one chain is never delivered',
    must: 'nothing while it lasts: nobody tells of it; once a later message comes, name the gap or get what is missing',
  },
  {
    name: 'withhold conversation', place: 'deliveries', victims: 1, start: withholdConversation,
    what: 'nothing new of one conversation is delivered',
    must: 'nothing while it lasts; afterwards as for a tail',
  },
  {
    name: 'withhold sender', place: 'deliveries', victims: 1, start: withholdSender,
    what: 'nothing new of one sending device is delivered',
    must: 'nothing while it lasts; afterwards as for a tail',
  },
  {
    name: 'withhold everything', place: 'deliveries', victims: 1, start: withholdEverything,
    what: 'nothing new is delivered at all',
    must: 'nothing while it lasts; afterwards as for a tail',
  },
  {
    name: 'fork', place: 'deliveries', victims: 2, start: fork,
    what: 'each message is delivered to one of two devices alone',
    must: 'name the gap in each chain that goes on, on either device',
  },
  {
    name: 'replay', place: 'stream', victims: 1, start: replay,
    what: 'old deliveries come again, at once and much later, on other connections, at other positions',
    must: 'show each message once',
  },
  {
    name: 'duplicate', place: 'stream', victims: 1, start: duplicate,
    what: 'deliveries come two or three times',
    must: 'show each message once',
  },
  {
    name: 'reorder', place: 'stream', victims: 1, start: reorder,
    what: 'deliveries are held back and come later, in another order',
    must: 'show them in the order of their senders',
  },
  {
    name: 'wrong device', place: 'stream', victims: 2, start: wrongDevice,
    what: 'what is for one device is delivered to another',
    must: 'show nothing of it: there is no body for the device',
  },
  {
    name: 'positions', place: 'stream', victims: 1, start: forgePositions,
    what: 'positions of next year, of 1970, or all the same',
    must: 'show the same in the same order: positions serve catch-up alone',
  },
  {
    name: 'cursor', place: 'stream', victims: 1, start: forgeCursor,
    what: 'cursors that are not true, of next year or a minute ahead',
    must: 'ignore what is ahead of the time of the server; find by the chains what lies below one that it believed',
  },
  {
    name: 'cursor over gap', place: 'stream', victims: 1, start: cursorOverGap,
    what: 'a few messages are withheld, then a cursor above them is claimed',
    must: 'find them missing once a later message of the chain came, and read them from the log',
  },
  {
    name: 'move', place: 'deliveries', victims: 1, start: moveEnvelope,
    what: 'the header says another conversation, sender, account, epoch, number, order key or kind',
    must: 'refuse (e2ee.envelope_mismatch, untrusted_identity, bad_mac); show the true copy once it comes, or name the gap',
  },
  {
    name: 'swap bodies', place: 'deliveries', victims: 1, start: swapBodies,
    what: 'two messages have the bodies of each other',
    must: 'refuse both (e2ee.envelope_mismatch, bad_mac, replayed), then as for withheld ones',
  },
  {
    name: 'flip bits', place: 'deliveries', victims: 1, start: flipBits,
    what: 'one bit of a ciphertext or the type of a body is changed',
    must: 'refuse (e2ee.bad_mac, invalid.envelope), ask the sender',
  },
  {
    name: 'truncate', place: 'deliveries', victims: 1, start: truncate,
    what: 'a ciphertext or an envelope is cut',
    must: 'refuse (invalid.envelope, e2ee.bad_mac), then as for a withheld one',
  },
  {
    name: 'notices', place: 'answers', victims: 1, start: forgeNotices,
    what: 'notices of accounts that did not change, prekeys that are not low, a node that does not drain',
    must: 'ask, find nothing new, and go on',
  },
  {
    name: 'failure for stored', place: 'answers', victims: 1, start: failStoredForNow,
    what: 'a send that was stored is refused with a code to try again after',
    must: 'send the same bytes again; peers show the message once',
  },
  {
    name: 'order refused for stored', place: 'answers', victims: 1, start: failStoredAsAhead,
    what: 'a send that was stored is refused because of its order key',
    must: 'keep one order key for one message on every device, whatever it was told',
  },
  {
    name: 'final failure for stored', place: 'answers', victims: 1, start: failStoredForGood,
    what: 'a send that was stored is refused for good',
    must: 'show the message as failed and say no other thing under its number unseen: a peer that has both names the broken chain',
  },
  {
    name: 'ack and drop', place: 'answers', victims: 1, start: ackAndDrop,
    what: 'a send is acknowledged and never stored',
    must: 'nothing: the message is "sent"; peers name the gap once a later one came, and get it from the sender',
  },
  {
    name: 'stale ghosts', place: 'answers', victims: 1, start: staleGhosts,
    what: 'a send is refused because of devices that are in no log, or versions of logs that do not exist',
    must: 'encrypt for attested devices alone, and send again',
  },
  {
    name: 'other conversation', place: 'answers', victims: 1, start: otherConversation,
    what: 'an opened conversation has another id',
    must: 'refuse (account.mismatch): nothing is sent into it',
  },
  {
    name: 'ghost device', place: 'accounts', victims: 1, start: ghostDevice,
    what: 'a log has one more device: with a proof of the liar, a copied proof, a rewritten one, or none',
    must: 'refuse the log (account.log_invalid), alarm, encrypt nothing for it',
  },
  {
    name: 'ghost link', place: 'accounts', victims: 1, start: ghostLink,
    what: 'a log links a wallet of the liar without its owner',
    must: 'refuse the log (account.log_invalid), alarm',
  },
  {
    name: 'rolled back log', place: 'accounts', victims: 1, start: rolledBackLog,
    what: 'a log is shorter than it was shown before: without its last entry, without a revocation, or empty',
    must: 'refuse (account.log_rolled_back), alarm, send nothing to the account meanwhile',
  },
  {
    name: 'forked log', place: 'accounts', victims: 1, start: forkedLog,
    what: 'the last entry has another time, which no signature covers: another head that verifies',
    must: 'refuse where the true head is known; otherwise believe it, and alarm once a payload names the true head (account.log_rolled_back)',
  },
  {
    name: 'withheld log', place: 'accounts', victims: 1, start: withheldLog,
    what: 'new entries are kept back: an old state, a new head alone, or no answer',
    must: 'alarm once a payload names the newer head, or at a head without entries (account.log_withheld); take a revocation that is told end to end',
  },
  {
    name: 'address elsewhere', place: 'accounts', victims: 1, start: addressElsewhere,
    what: 'an address leads to an account of the liar, of somebody else, or to nobody',
    must: 'refuse (account.mismatch, log_invalid, not_found)',
  },
  {
    name: 'swapped bundle', place: 'bundles', victims: 1, start: swappedBundle,
    what: 'a bundle has an identity or a signed prekey of the liar',
    must: 'refuse (e2ee.untrusted_identity, bundle_invalid); encrypt nothing with it',
  },
  {
    name: 'swapped one-time prekey', place: 'bundles', victims: 1, start: swappedOneTimeKey,
    what: 'a bundle has a one-time prekey of the liar, which no signature covers',
    must: 'nothing can be seen by the sender; the message is unreadable for everybody, and its reader asks for it again',
  },
  {
    name: 'old bundle', place: 'bundles', victims: 1, start: oldBundle,
    what: 'a signed prekey of long ago, or one with another date',
    must: 'refuse one that is too old or redated (e2ee.bundle_invalid); an old one that is young enough works as long as its owner keeps it',
  },
  {
    name: 'one-time prekey twice', place: 'bundles', victims: 1, start: oneTimeKeyTwice,
    what: 'a one-time prekey that was handed out before',
    must: 'nothing can be seen by the sender; its owner, who deleted the key, asks for the message again',
  },
  {
    name: 'no one-time prekey', place: 'bundles', victims: 1, start: noOneTimeKey,
    what: 'a bundle without its one-time prekey',
    must: 'nothing: the session starts with three agreements instead of four',
  },
  {
    name: 'forged member', place: 'groups', victims: 1, start: forgedMember,
    what: 'a membership log has one more entry, which adds the liar: signed by it in the name of a member, with a copied signature, or in its own name',
    must: 'refuse the log (proof.signature, group.member_unknown), alarm, give the liar no key',
  },
  {
    name: 'hidden removal', place: 'groups', victims: 1, start: hiddenRemoval,
    what: 'a membership log ends before somebody was removed or left',
    must: 'nothing while it lasts, but say nothing under a version that it does not know; take the removal once it is shown',
  },
  {
    name: 'rolled back group', place: 'groups', victims: 1, start: rolledBackGroup,
    what: 'a membership log is shorter than what was shown of it before',
    must: 'refuse it (group.log_invalid), alarm, keep the members that it knows',
  },
  {
    name: 'withhold post', place: 'channels', victims: 1, start: withholdPost,
    what: 'one or two posts of a channel are never shown, pushed or read: there is a hole, or nothing behind them',
    must: 'show nothing behind them, name them (withheld) or alarm (channel.log_invalid), and show them once they come',
  },
  {
    name: 'withhold posts', place: 'channels', victims: 1, start: withholdPosts,
    what: 'no post of a channel is shown, and the head is named',
    must: 'name what the head says to be there (withheld), and show it once it comes',
  },
  {
    name: 'low head', place: 'channels', victims: 1, start: lowHead,
    what: 'a channel ends where it did a moment ago, with nothing behind, or before what was shown',
    must: 'nothing while the old end was true once; alarm (channel.log_invalid) where it is below what was shown',
  },
  {
    name: 'high head', place: 'channels', victims: 1, start: highHead,
    what: 'the head names posts that nobody wrote',
    must: 'show what there is, name the others (withheld), and go on once the head is true',
  },
  {
    name: 'wrong head', place: 'channels', victims: 1, start: wrongHead,
    what: 'the head has another hash for the newest post',
    must: 'alarm (channel.log_invalid), and go on with the next post that follows what was shown',
  },
  {
    name: 'fork of a channel', place: 'channels', victims: 2, start: forkChannel,
    what: 'posts of an author are shown to it and to one other device alone, and everybody else has other posts under their numbers',
    must: 'nothing while it lasts; alarm (channel.log_invalid) once the true posts or their head come, and stay there',
  },
  {
    name: 'reorder posts', place: 'channels', victims: 1, start: reorderPosts,
    what: 'pushed posts come late and in another order, pages are turned around',
    must: 'show them by their numbers, or alarm and read them again',
  },
  {
    name: 'replay posts', place: 'channels', victims: 1, start: replayPosts,
    what: 'old posts are pushed again, and stand in pages again',
    must: 'show each post once',
  },
  {
    name: 'other channel', place: 'channels', victims: 1, start: otherChannel,
    what: 'pages and heads say that they are of another channel',
    must: 'alarm (channel.log_invalid) or ignore them, show nothing of it',
  },
  {
    name: 'changed posts', place: 'channels', victims: 1, start: changedPosts,
    what: 'a bit, a field (channel, number, author, device, log, members, time, body) or the end of a post is changed',
    must: 'refuse it (proof.signature, channel.log_invalid, invalid.*), show the true post once it comes',
  },
  {
    name: 'forged post', place: 'channels', victims: 1, start: forgedPost,
    what: 'there is one more post: signed by the liar in the name of an author, with a copied signature, by a device of nobody, or truly by the liar',
    must: 'refuse it (proof.signature, account.*, denied.not_author), alarm',
  },
  {
    name: 'forged author', place: 'channels', victims: 1, start: forgedAuthor,
    what: 'the log of the authors has one more entry, which adds the liar, and there is a post of the liar that names it',
    must: 'refuse both (proof.signature, group.member_unknown), alarm, keep the authors that it knows',
  },
  {
    name: 'hidden authors', place: 'channels', victims: 1, start: hiddenAuthors,
    what: 'the log of the authors is shorter than what was shown of it, ends before a removal, or has no new entries',
    must: 'keep the authors that it knows, alarm (group.log_invalid, denied.not_author); post nothing for older authors than are stored',
  },
  {
    name: 'post refused for stored', place: 'channels', victims: 1, start: postRefusedForStored,
    what: 'a post that was stored is answered with a refusal',
    must: 'read the channel before posting again: no text is in it twice',
  },
  {
    name: 'channel denied', place: 'channels', victims: 1, start: channelDenied,
    what: 'a channel that is followed or read is said not to exist',
    must: 'alarm (not_found.conversation), keep what it has, ask again later',
  },
]

/** The table of all lies, in Markdown, for the documents. */
export function describeLies(): string {
  const rows = LIES.map(({ name, what, must }) => `| ${name} | ${what} | ${must} |`)
  return ['| lie | what the server does | what the victim must do |', '|---|---|---|', ...rows].join('\n')
}
