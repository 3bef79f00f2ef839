// Which adapter keeps which promise of which port: from the contract suites in the source and what vitest reported of them.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const MARK = { passed: 'ok', failed: 'FAIL', skipped: 'gap', pending: 'gap', todo: 'gap' }
const ABSENT = '-'

/** Beginnings of the titles of all contract suites below `root`: `EnvelopeLog`, `Bus contract`, ... */
export function portsOf(root) {
  return suitesBelow(root).flatMap((path) => {
    const text = readFileSync(path, 'utf8')
    return [...text.matchAll(/describe\(`([^`:$]+): \$\{/g)].map(([, port]) => port)
  })
}

/** Files of contract suites; not in what tools and services keep there, which changes meanwhile. */
function suitesBelow(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) return entry.name.startsWith('.') || ['node_modules', 'dist'].includes(entry.name) ? [] : suitesBelow(path)
    return entry.name.endsWith('.contract.ts') ? [path] : []
  })
}

/**
 * One table a port from vitest's JSON report: `{port, adapters, rows: [{promise, marks}]}`, with `ok`, `FAIL`, `gap` (skipped by name: a declared gap)
 * or `-` (a promise that this adapter's suite does not have, because a declared gap replaces it) for each adapter.
 */
export function contractTables(report, ports) {
  const tables = new Map()
  for (const { assertionResults } of report.testResults) {
    for (const { ancestorTitles: [suite = ''], title, status } of assertionResults) {
      const port = ports.find((name) => suite.startsWith(`${name}: `))
      if (port === undefined) continue
      const adapter = suite.slice(port.length + 2).replace(/ \(gaps: .*\)$/, '')
      const table = tables.get(port) ?? { port: port.replace(/ contract$/, ''), adapters: [], promises: new Map() }
      if (!table.adapters.includes(adapter)) table.adapters.push(adapter)
      const marks = table.promises.get(title) ?? new Map()
      // One promise may be several tests of one title: the worst counts.
      if (marks.get(adapter) !== 'FAIL') marks.set(adapter, MARK[status] ?? 'FAIL')
      tables.set(port, { ...table, promises: table.promises.set(title, marks) })
    }
  }
  return [...tables.values()].map(({ port, adapters, promises }) => ({
    port, adapters, rows: [...promises].map(([promise, marks]) => ({ promise, marks: adapters.map((adapter) => marks.get(adapter) ?? ABSENT) })),
  })).sort((left, right) => (left.port < right.port ? -1 : 1))
}

/** The tables as lines for a terminal. */
export function tableLines(tables) {
  return tables.flatMap(({ port, adapters, rows }) => {
    const widths = adapters.map((adapter) => Math.max(4, adapter.length))
    const line = (cells, text) => `  ${cells.map((cell, index) => cell.padEnd(widths[index])).join('  ')}  ${text}`
    return [port, line(adapters, ''), ...rows.map(({ promise, marks }) => line(marks, promise)), '']
  }).map((text) => text.trimEnd())
}
