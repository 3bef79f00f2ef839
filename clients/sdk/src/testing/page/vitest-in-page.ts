// Stands for `vitest` where a contract suite is bundled for a page: collects the tests, runs one at a time by name, with the same matchers.
import { JestAsymmetricMatchers, JestChaiExpect, JestExtend } from '@vitest/expect'
import * as chai from 'chai'

type Body = (context: { skip(): never }) => unknown
interface Collected {
  readonly name: string
  readonly body: Body
  readonly after: readonly (() => unknown)[]
}

chai.use(JestExtend)
chai.use(JestChaiExpect)
chai.use(JestAsymmetricMatchers)

const tests: Collected[] = []
let suite: { readonly titles: readonly string[]; readonly after: readonly (() => unknown)[] } = { titles: [], after: [] }
class Skipped extends Error {}

export function describe(title: string, body: () => void): void {
  const outer = suite
  suite = { titles: [...outer.titles, title], after: [...outer.after] }
  body()
  suite = outer
}

export function it(title: string, body: Body): void {
  tests.push({ name: [...suite.titles, title].join(' > '), body, after: suite.after })
}

export function afterEach(task: () => unknown): void {
  suite = { ...suite, after: [...suite.after, task] }
}

// The plugins above gave it vitest's matchers.
export const expect = (value: unknown): Chai.Assertion => chai.expect(value)

/** Names of all tests, `suite > title`. */
export function names(): readonly string[] {
  return tests.map(({ name }) => name)
}

/** Runs the test `name`: `passed`, `skipped`, or what it failed with. */
export async function run(name: string): Promise<string> {
  const found = tests.find((test) => test.name === name)
  if (found === undefined) return 'no such test'
  try {
    await found.body({ skip: () => { throw new Skipped() } })
    return 'passed'
  } catch (error) {
    return error instanceof Skipped ? 'skipped' : String(error instanceof Error ? error.stack : error)
  } finally {
    for (const task of found.after) await task()
  }
}
