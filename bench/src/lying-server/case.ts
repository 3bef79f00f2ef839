import { attempt, type Attempt } from '../attempt.js'
import { HONEST } from './judge.js'
import type { Person, World } from './world.js'

/** A lie and what must come of it. The last attempt of every case is that an honest conversation goes on. */
export interface LyingCase {
  readonly name: string
  readonly claim: string
  readonly run: (world: World) => Promise<readonly Attempt[]>
}

/** The last attempt of every case. */
export function honestly(world: World, one: Person, other: Person): Promise<Attempt> {
  return attempt(HONEST, 'goes on', () => world.honest(one, other))
}
