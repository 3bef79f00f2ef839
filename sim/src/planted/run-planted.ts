import { readdirSync, readFileSync } from 'node:fs'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ProfileName } from '../world/profiles.js'
import { parsePlantedPatch, withSeed, type PlantedPatch } from './planted-patch.js'
import { runCopy, type CopyVerdict } from './run-copy.js'
import { makeScratchCopy, plant } from './scratch-copy.js'

/** Seeds within which a planted bug must be found. */
export const PLANTED_SEEDS_MAX = 200
/** Seeds of the copy without a bug. */
const CONTROL_SEEDS = 4
/** Copies that run at the same time, each with one worker. */
const COPIES_AT_ONCE = 2
/** Real time after which one bug is stopped, in seconds, where nothing else is said. What decides is the seeds: a slow machine finds what a fast one does. */
export const PLANTED_SECONDS = 3_600
/** And the most that can be asked for. */
export const PLANTED_SECONDS_MAX = 7_200

/** The runs without any patch, and their profiles. */
export const CONTROLS: ReadonlyMap<string, ProfileName> = new Map([['(no bug)', 'all'], ['(no bug, payouts)', 'payouts']])

/** What came of one planted bug. `red`: it was not found, or could not be planted; then the simulator proves nothing about it. */
export type PlantedOutcome = {
  readonly name: string
  readonly seconds: number
  readonly patch?: PlantedPatch
} & (Found | ControlGreen | Red)

interface Found {
  readonly status: 'found'
  readonly promise: string
  /** What was seen. */
  readonly what: string
  readonly seed: string
  /** Seeds that it took: 1 where the patch names the seed. */
  readonly seeds: number
  /** The seed that the patch names did not find it: another one did. */
  readonly moved?: number
}

/** The run without a bug held every promise. */
interface ControlGreen {
  readonly status: 'control'
  readonly seeds: number
}

interface Red {
  readonly status: 'red'
  readonly reason: string
}

/** What {@link runPlanted} works on. */
export interface PlantedOptions {
  /** The repository, built. */
  readonly root: string
  /** Folder of the patches. */
  readonly patches: string
  /** A folder below the `node_modules` of `root`, for the copies; each is removed when its run ends. */
  readonly scratch: string
  /** Names of patches; all when empty. */
  readonly only: readonly string[]
  /** Every bug is looked for from seed 1 on, whatever its patch names. */
  readonly search: boolean
  /** The seed that found a bug is written into its patch. */
  readonly writeSeeds: boolean
  /** Real time that one run may take, in ms: what is not found until then is red. */
  readonly msMax: number
  /** Real ms. */
  readonly now: () => number
  readonly onOutcome: (outcome: PlantedOutcome) => void
}

/** Names of the patches in a folder. */
export function plantedNames(folder: string): readonly string[] {
  return readdirSync(folder).filter((file) => file.endsWith('.patch')).map((file) => file.slice(0, -'.patch'.length)).sort()
}

/**
 * Plants each bug in a copy of its own and runs the simulator on it until a promise breaks: on the seed that its patch names, and where that finds nothing
 * (the world has changed since) or there is none, on all seeds in their order. First a copy without a bug, which must stay green:
 * a simulator that is red anyway would find everything. Rejects only when the folders cannot be read or written.
 */
export async function runPlanted(options: PlantedOptions): Promise<readonly PlantedOutcome[]> {
  const names = plantedNames(options.patches).filter((name) => options.only.length === 0 || options.only.includes(name))
  const waiting = [...CONTROLS.keys(), ...names].values()
  const outcomes: PlantedOutcome[] = []
  const lane = async (): Promise<void> => {
    for (const name of waiting) {
      const outcome = await runOne(name, options)
      outcomes.push(outcome)
      options.onOutcome(outcome)
    }
  }
  await Promise.all(Array.from({ length: COPIES_AT_ONCE }, lane))
  const place = (name: string): number => (CONTROLS.has(name) ? -1 : names.indexOf(name))
  return outcomes.sort((one, other) => place(one.name) - place(other.name))
}

async function runOne(name: string, { root, patches, scratch, search, writeSeeds, msMax, now }: PlantedOptions): Promise<PlantedOutcome> {
  const startedMs = now()
  const control = CONTROLS.get(name)
  const folder = join(scratch, control === undefined ? name : `control-${control}`)
  const elapsed = (): number => (now() - startedMs) / 1_000
  let patch: PlantedPatch | undefined
  try {
    if (control === undefined) patch = parsePlantedPatch(name, readFileSync(join(patches, `${name}.patch`), 'utf8'))
    await makeScratchCopy(root, folder)
    if (patch === undefined) {
      const verdict = await runCopy({ folder, base: 1, seeds: CONTROL_SEEDS, profile: control ?? 'all', msMax })
      return { name, seconds: elapsed(), ...controlVerdict(verdict) }
    }
    await plant(root, folder, patch.files)
    const { profile } = patch
    const known = search ? undefined : patch.seed
    const first = known === undefined ? undefined : await runCopy({ folder, base: known, seeds: 1, profile, msMax })
    const verdict = first === undefined || first.status === 'green' ? await runCopy({ folder, base: 1, seeds: PLANTED_SEEDS_MAX, profile, msMax }) : first
    const isMoved = known !== undefined && verdict !== first && verdict.status === 'broken'
    if (writeSeeds && verdict.status === 'broken' && String(patch.seed) !== verdict.seed) await writeSeed(join(patches, `${name}.patch`), verdict.seed)
    return { name, patch, seconds: elapsed(), ...plantedVerdict(verdict), ...(isMoved ? { moved: known } : {}) }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    return { name, seconds: elapsed(), status: 'red', reason, ...(patch === undefined ? {} : { patch }) }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function writeSeed(file: string, seed: string): Promise<void> {
  await writeFile(file, withSeed(readFileSync(file, 'utf8'), Number(seed)))
}

function controlVerdict(verdict: CopyVerdict): ControlGreen | Red {
  if (verdict.status === 'green') return { status: 'control', seeds: verdict.seeds }
  if (verdict.status === 'failed') return { status: 'red', reason: verdict.reason }
  return { status: 'red', reason: `seed ${verdict.seed} breaks ${verdict.promise} without any bug planted: ${verdict.what}` }
}

function plantedVerdict(verdict: CopyVerdict): Found | Red {
  switch (verdict.status) {
    case 'broken':
      return { status: 'found', promise: verdict.promise, what: verdict.what, seed: verdict.seed, seeds: verdict.seeds }
    case 'green':
      return { status: 'red', reason: `not found within ${String(verdict.seeds)} seeds` }
    case 'failed':
      return { status: 'red', reason: verdict.reason }
    default:
      return verdict satisfies never
  }
}
