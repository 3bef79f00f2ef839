import { readFileSync } from 'node:fs'
import type { machineFacts } from '../../process-cost.js'
import { UsageError } from '../usage-error.js'
import type { MeasuredPoint } from './measure-points.js'

/** Name and version of the format of a record. */
export const SCALE_FORMAT = 'evegram-bench-scale/1'

/** What a measurement left: enough to make every table again, with other assumptions. */
export interface ScaleRecord {
  readonly format: typeof SCALE_FORMAT
  readonly measuredAt: string
  readonly machine: ReturnType<typeof machineFacts>
  readonly secondsPerPoint: number
  readonly points: readonly MeasuredPoint[]
}

/** Reads a record that `--save` wrote. Throws {@link UsageError} for a file that is none. */
export function readScaleRecord(file: string): ScaleRecord {
  let content: unknown
  try {
    content = JSON.parse(readFileSync(file, 'utf8'))
  } catch (error) {
    throw new UsageError(`${file} cannot be read as JSON: ${error instanceof Error ? error.message : String(error)}`)
  }
  if (typeof content !== 'object' || content === null || !('format' in content) || content.format !== SCALE_FORMAT) throw new UsageError(`${file} is no record of "npm run bench -- scale --save"`)
  return content as ScaleRecord // its format says so, and only this program writes it
}
