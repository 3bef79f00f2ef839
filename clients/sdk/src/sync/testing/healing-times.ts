import type { DeviceId, ErrorCode, MessageId } from '@evegram/protocol'
import type { GapReason } from '../chain-state.js'
import type { ClientEvents } from '../../events.js'

/** Why a message was not there at first: refused with this code, or a number that nothing came for. */
export type FirstLoss = ErrorCode | 'missing'

/** How long healing took, as counts by the latest of these times (ms, virtual): asked once, twice, three times, or longer. */
export const HEALED_WITHIN_MS: readonly number[] = [5_000, 60_000, 660_000, 4_260_000]

/** What the devices of a world tell of messages that could not be read at first, with times: for the counts that a run prints. */
export class HealingTimes {
  readonly #nowMs: () => number
  /** First loss of (device, message), and when. */
  readonly #lost = new Map<string, { readonly why: FirstLoss; readonly atMs: number }>()
  /** Healed messages by why they were lost first, each with counts by {@link HEALED_WITHIN_MS} and one for longer. */
  readonly healed: Record<string, number[]> = {}
  /** Gaps that devices told, in messages, by reason: also those that were filled later. */
  readonly named: Record<string, number> = {}

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs
  }

  /** Notes what `device` tells. */
  follow(device: DeviceId, on: <Name extends keyof ClientEvents>(name: Name, listener: (event: ClientEvents[Name]) => void) => void): void {
    on('security', ({ code, messageId }) => { if (messageId !== undefined) this.#note(device, messageId, code) })
    on('gap', ({ reason, from, to }) => { this.#count(reason, (to ?? 0) - (from ?? 0) + 1) })
    on('session-healed', ({ messageId }) => { this.#heal(device, messageId) })
  }

  #note(device: DeviceId, message: MessageId, why: ErrorCode): void {
    const key = `${device} ${message}`
    if (!this.#lost.has(key)) this.#lost.set(key, { why, atMs: this.#nowMs() })
  }

  #count(reason: GapReason, messages: number): void {
    this.named[reason] = (this.named[reason] ?? 0) + messages
  }

  #heal(device: DeviceId, message: MessageId): void {
    const lost = this.#lost.get(`${device} ${message}`)
    const tookMs = lost === undefined ? 0 : this.#nowMs() - lost.atMs
    const counts = (this.healed[lost?.why ?? 'missing'] ??= HEALED_WITHIN_MS.map(() => 0).concat(0))
    const place = HEALED_WITHIN_MS.findIndex((withinMs) => tookMs <= withinMs)
    const at = place < 0 ? HEALED_WITHIN_MS.length : place
    counts[at] = (counts[at] ?? 0) + 1
  }
}
