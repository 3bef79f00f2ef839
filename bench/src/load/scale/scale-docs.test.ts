import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { readScaleRecord } from './scale-record.js'
import { scaleReport, scaleTables } from './scale-report.js'
import { DEFAULT_ASSUMPTIONS } from './sizing.js'

const ROOT = new URL('../../../../', import.meta.url)

describe('docs/scale.md', () => {
  it('holds exactly the tables that the recorded measurement gives', () => {
    const record = readScaleRecord(fileURLToPath(new URL('bench/baselines/scale.json', ROOT)))
    const tables = scaleTables(scaleReport(record, [1e6, 1e7, 1e8], DEFAULT_ASSUMPTIONS), record)
    expect(readFileSync(new URL('docs/scale.md', ROOT), 'utf8')).toContain(tables)
  })
})
