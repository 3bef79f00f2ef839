import { parsePatch, type StructuredPatch } from 'diff'
import { PROFILES, type ProfileName } from '../world/profiles.js'

/** A bug that somebody might have written, as a patch against the sources. */
export interface PlantedPatch {
  /** Name of its file, without `.patch`. */
  readonly name: string
  /** What is wrong, in a sentence. */
  readonly bug: string
  /** The promise that it is expected to break. */
  readonly promise: string
  /** The profile under which it is looked for. */
  readonly profile: ProfileName
  /** The first seed that finds it, as far as that is known: tried before all others. */
  readonly seed?: number
  readonly note?: string
  readonly files: readonly PatchedFile[]
}

/** The change of one file. */
export interface PatchedFile {
  /** Path in the repository. */
  readonly path: string
  readonly patch: StructuredPatch
}

/** Reads a patch file: lines `Bug:`, `Promise:`, `Profile:` and perhaps `Seed:` and `Note:`, then a unified diff. Throws an `Error` that says what is wrong. */
export function parsePlantedPatch(name: string, text: string): PlantedPatch {
  const start = text.search(/^--- /m)
  if (start < 0) throw new Error('there is no diff in it')
  const header = new Map<string, string>()
  for (const line of text.slice(0, start).split('\n')) {
    const field = /^(Bug|Promise|Profile|Seed|Note): (.+)$/.exec(line)
    if (field?.[1] !== undefined && field[2] !== undefined) header.set(field[1], field[2].trim())
    else if (line.trim() !== '') throw new Error(`"${line}" is no line of its header`)
  }
  const fieldOf = (field: string): string => {
    const value = header.get(field)
    if (value === undefined) throw new Error(`its header has no "${field}:"`)
    return value
  }
  const profile = PROFILES.find((known) => known === fieldOf('Profile'))
  if (profile === undefined) throw new Error(`there is no profile "${fieldOf('Profile')}"`)
  const [note, seed] = [header.get('Note'), header.get('Seed')]
  if (seed !== undefined && !/^[1-9]\d{0,5}$/.test(seed)) throw new Error(`"${seed}" is no number of a seed`)
  const files = parsePatch(text.slice(start)).map((patch): PatchedFile => {
    const path = /^b\/(.+)$/.exec(patch.newFileName ?? '')?.[1]
    if (path === undefined || patch.oldFileName !== `a/${path}`) throw new Error('it must change files in place, named a/… and b/…')
    return { path, patch }
  })
  return { name, bug: fieldOf('Bug'), promise: fieldOf('Promise'), profile, files, ...(seed === undefined ? {} : { seed: Number(seed) }), ...(note === undefined ? {} : { note }) }
}

/** The text of a patch file whose header names the seed that finds the bug. */
export function withSeed(text: string, seed: number): string {
  const line = `Seed: ${String(seed)}`
  const start = text.search(/^--- /m)
  const [header, diff] = [text.slice(0, start), text.slice(start)]
  return (/^Seed: /m.test(header) ? header.replace(/^Seed: .*$/m, line) : header.replace(/^(Profile: .*)$/m, `$1\n${line}`)) + diff
}
