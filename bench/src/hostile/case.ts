import type { RawDevice, RawEnrolment } from '../raw/raw-device.js'
import type { RawHttp } from '../raw/raw-http.js'
import type { ServerAddresses } from '../server-process.js'
import type { AccountState } from '@evegram/protocol'
import type { Chain } from '@evegram/protocol/proof'

/** One attempt of a case: the documented answer and the one that came. */
export interface Attempt {
  readonly what: string
  readonly expected: string
  readonly got: string
}

/** A device with the state of its account, so that more entries can follow. */
export interface EnrolledDevice {
  readonly device: RawDevice
  readonly state: AccountState
}

/** What cases work with. */
export interface HostileContext {
  readonly enrolment: RawEnrolment
  readonly addresses: ServerAddresses
  readonly http: RawHttp
  readonly httpPort: number
  readonly wsPort: number
  /** `localhost:<port>`: what wallets sign for. */
  readonly domain: string
  readonly origin: string
  /** A fresh account with one device and a session. */
  newDevice(chain?: Chain): Promise<EnrolledDevice>
  /** A counter of the server's `/metrics`, labels summed. */
  metric(name: string): Promise<number>
}

/** An attack and what must come of it. */
export interface HostileCase {
  readonly name: string
  readonly claim: string
  /** Starts what takes long before the other cases run; `run` then waits for it. */
  readonly prepare?: (context: HostileContext) => void
  readonly run: (context: HostileContext) => Promise<readonly Attempt[]>
}

/** The answer of `work` against what is documented; an exception is an answer too. */
export async function attempt(what: string, expected: string, work: () => Promise<string>): Promise<Attempt> {
  try {
    return { what, expected, got: await work() }
  } catch (error) {
    return { what, expected, got: `threw: ${error instanceof Error ? error.message : String(error)}` }
  }
}

/** `3 x a, 1 x b`, the most frequent first, equal ones by name. */
export function tally(answers: readonly string[]): string {
  const counts = new Map<string, number>()
  for (const answer of answers) counts.set(answer, (counts.get(answer) ?? 0) + 1)
  return [...counts].sort(([left, leftCount], [right, rightCount]) => rightCount - leftCount || (left < right ? -1 : 1))
    .map(([answer, count]) => `${String(count)} x ${answer}`).join(', ')
}
