/**
 * Between two writes to the followers of a channel, for each of them on this node. A write costs some 5 us of CPU for each socket, however much is in it:
 * so a channel that is posted in all the time takes a sixth of a core at most, and a post waits up to 35 ms for those behind it where a thousand follow.
 */
const WRITE_GAP_MS_PER_FOLLOWER = 0.035
/** Where posts come faster than so many in that time, the gap grows with their pace: nobody reads them one by one, and each write has more of them. */
const PACE_UNHURRIED = 2.5
/** The gap grows to so many times itself at most. */
const PACE_STRETCH_MAX = 2
/** Share of the last write in the pace: one burst among writes of few posts moves it little. */
const PACE_SHARE = 0.25
/** With so many posts together the cost of a write is no longer theirs: they go before the gap has passed. */
export const POSTS_OF_FULL_WRITE = 16
/** Longest time between two writes, however many follow: a tenth of a second is live to whoever reads. */
const WRITE_GAP_MS_MAX = 100
/** A shorter wait is none: timers are no finer, and few followers cost less than one. */
const WAIT_MS_MIN = 1
/** Posts that could not go to the followers yet wait so long for others before they are stored, at most. */
const GATHER_MS_MAX = 16
/** They are stored so long before the write that they are for. */
const STORED_BEFORE_WRITE_MS = 5
/** A post that waited, and that none came to, was written by somebody who waits for each answer: nothing is gathered for so long. */
const GATHER_REST_MS = 1_000

/**
 * When the followers of one channel on this node are written to, and how long its posts wait for each other before that. Whoever posts now and then waits for
 * nothing: both waits begin with a write that was a moment ago.
 */
export class ChannelPace {
  /** The last write. */
  #wroteMs = Number.NEGATIVE_INFINITY
  /** Posts that come in the unstretched gap, smoothed over the last writes. */
  #pace = 0
  #gatherAgainMs = Number.NEGATIVE_INFINITY

  /** How long what is to be shown to `followers` waits from `nowMs` (monotonic) on: 0, or at least 1 ms and at most {@link WRITE_GAP_MS_MAX}. */
  writeWaitMs(nowMs: number, followers: number): number {
    const waitMs = this.#wroteMs + this.#gapMs(followers) - nowMs
    return waitMs < WAIT_MS_MIN ? 0 : waitMs
  }

  /** `posts` were written to `followers` at `nowMs`. */
  wrote(nowMs: number, followers: number, posts: number): void {
    this.#pace += PACE_SHARE * (posts * Math.min(1, baseGapMs(followers) / Math.max(WAIT_MS_MIN, nowMs - this.#wroteMs)) - this.#pace)
    this.#wroteMs = nowMs
  }

  /**
   * How long posts that are not stored yet wait for others from `nowMs` on: 0, or at least 1 ms. Stored at once they would lie until the next write; together
   * they are one append and one sync, and are there for the same write. `posts`: these, and those that wait for the write already.
   */
  gatherMs(nowMs: number, followers: number, posts: number): number {
    if (posts >= POSTS_OF_FULL_WRITE || nowMs < this.#gatherAgainMs) return 0
    const waitMs = Math.min(GATHER_MS_MAX, this.#wroteMs + this.#gapMs(followers) - STORED_BEFORE_WRITE_MS - nowMs)
    return waitMs < WAIT_MS_MIN ? 0 : waitMs
  }

  /** `posts` waited `waitedMs` for others. */
  gathered(nowMs: number, posts: number, waitedMs: number): void {
    if (posts < 2 && waitedMs >= GATHER_MS_MAX / 2) this.#gatherAgainMs = nowMs + GATHER_REST_MS
  }

  #gapMs(followers: number): number {
    return Math.min(WRITE_GAP_MS_MAX, baseGapMs(followers) * Math.min(PACE_STRETCH_MAX, Math.max(1, this.#pace / PACE_UNHURRIED)))
  }
}

/** Time between two writes to so many followers, where posts do not come fast. */
function baseGapMs(followers: number): number {
  return followers * WRITE_GAP_MS_PER_FOLLOWER
}
