import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { topCosts, type CpuProfile } from '../../top-costs.js'
import type { RunEvents } from '../coordinator.js'
import { monotonicUs } from '../measure/monotonic.js'
import { cutProfile } from './cut-profile.js'
import { flameGraph } from './flame-graph.js'

/** Functions of the table. */
const COSTS = 30
/** Behind this V8 writes what it sampled. */
const WRITTEN = '.cpuprofile'
/** What {@link ServerProfile.write} leaves in the folder. */
export const PROFILE_FILES = { profile: 'server.cpuprofile', flame: 'flame.svg', costs: 'top-costs.txt' } as const

/** The profile of the server's main thread in the measured part of a run, in a folder of its own. */
export class ServerProfile {
  readonly #folder: string
  #fromUs = 0
  #toUs = Number.POSITIVE_INFINITY

  /** Makes the folder where it is missing. */
  constructor(folder: string) {
    this.#folder = resolve(folder)
    mkdirSync(this.#folder, { recursive: true })
  }

  /** What the server is to be started with. */
  get nodeOptions(): readonly string[] {
    return ['--cpu-prof', `--cpu-prof-dir=${this.#folder}`]
  }

  /** Passes everything on to `events`, and notes when the measuring began and ended. */
  watching(events: RunEvents): RunEvents {
    return {
      onPreparing: (done, total) => { events.onPreparing(done, total) },
      onProgress: (at, of, last) => { events.onProgress(at, of, last) },
      onPhase: (phase) => {
        if (phase === 'measuring') this.#fromUs = monotonicUs()
        if (phase === 'draining') this.#toUs = monotonicUs()
        events.onPhase(phase)
      },
    }
  }

  /** Once the server has ended: writes profile, flame graph and table. Returns their folder; throws when the server left no profile. */
  write(title: string): string {
    const written = readdirSync(this.#folder).filter((name) => name.endsWith(WRITTEN) && name !== PROFILE_FILES.profile).sort().at(-1)
    if (written === undefined) throw new Error(`the server left no profile in ${this.#folder}`)
    const whole = join(this.#folder, PROFILE_FILES.profile)
    renameSync(join(this.#folder, written), whole)
    // V8 wrote it just now, in the form that it documents.
    const profile = cutProfile(JSON.parse(readFileSync(whole, 'utf8')) as CpuProfile, this.#fromUs, this.#toUs)
    writeFileSync(join(this.#folder, PROFILE_FILES.flame), flameGraph(profile, title))
    const lines = topCosts(profile, COSTS).map(({ name, share }) => `${(share * 100).toFixed(1).padStart(5)} %  ${name}`)
    writeFileSync(join(this.#folder, PROFILE_FILES.costs), `${[title, ...lines].join('\n')}\n`)
    return this.#folder
  }
}
