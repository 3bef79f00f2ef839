import {
  channelStateAfter, decodeChannelPost, draftChannelPost, emptyHead, sealChannelPost, type ChannelState,
} from '@evegram/protocol'
import { sampleAccount, sampleDevice } from './sample-envelope.contract.js'

/** What {@link samplePost} varies. */
export interface SamplePostFields {
  /** Number of the author's account. */
  readonly author?: number
  readonly atMs?: number
  readonly bodyBytes?: number
  readonly members?: number
}

/** An encoded post that follows `state`; its signature is not looked at by a store. */
export function samplePost(state: ChannelState, { author = 1, atMs = 1_780_000_000_000, bodyBytes = 200, members = 1 }: SamplePostFields = {}): Uint8Array<ArrayBuffer> {
  return sealChannelPost(draftChannelPost(state, {
    author: { account: sampleAccount(author), device: sampleDevice(author), log: { seq: 1, head: emptyHead().fill(author) } },
    members: { seq: members, head: emptyHead().fill(members) }, atMs, body: new Uint8Array(bodyBytes).fill(author),
  }), new Uint8Array(64).fill(author))
}

/** The state behind `post`. */
export function stateBehind(state: ChannelState, post: Uint8Array): ChannelState {
  return channelStateAfter(state, decodeChannelPost(post), post)
}
