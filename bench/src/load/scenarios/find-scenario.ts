import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { tsImport } from 'tsx/esm/api'
import fanOut from './fan-out.js'
import group from './group.js'
import oneToOne from './one-to-one.js'
import type { Scenario } from './scenario.js'

/** The scenarios that come with the harness. */
export const SCENARIOS: readonly Scenario[] = [oneToOne, group, fanOut]

/** The scenario of this name, or the one that the file of this name exports. Throws RangeError when there is none. */
export async function findScenario(nameOrFile: string): Promise<Scenario> {
  const known = SCENARIOS.find(({ name }) => name === nameOrFile)
  if (known !== undefined) return known
  const file = resolve(nameOrFile)
  if (!existsSync(file)) throw new RangeError(`there is no scenario "${nameOrFile}", and no file: scenarios are ${SCENARIOS.map(({ name }) => name).join(', ')}`)
  const { href } = pathToFileURL(file)
  // Node 20 reads no TypeScript by itself.
  const module: unknown = await (/\.[cm]?ts$/.test(file) ? tsImport(href, import.meta.url) : import(href))
  // A file that is CommonJS by its folder has its exports inside of one.
  const exported = defaultOf(isScenario(defaultOf(module)) ? module : defaultOf(module))
  if (!isScenario(exported)) throw new RangeError(`${nameOrFile} has no scenario as its default export: see docs/bench.md, "Scenarios"`)
  return exported
}

function defaultOf(module: unknown): unknown {
  return typeof module === 'object' && module !== null && 'default' in module ? module.default : undefined
}

function isScenario(value: unknown): value is Scenario {
  if (typeof value !== 'object' || value === null) return false
  const fields = value as Readonly<Record<string, unknown>> // an object: what its fields are is looked at next
  return typeof fields['name'] === 'string' && typeof fields['summary'] === 'string' && typeof fields['cast'] === 'function' &&
    ['clients', 'clientsMin', 'ratePerSecond', 'payloadBytes'].every((name) => typeof fields[name] === 'number')
}
