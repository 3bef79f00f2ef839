import type { Output } from './output.js'
import { oneLine } from './visible.js'

/** An object of a server as a person reads it: its fields in one line each, what is nested behind them; nothing of it can write over a terminal. */
export function recordText(record: Readonly<Record<string, unknown>>, output: Output): string {
  return Object.entries(record).map(([name, value]) => `${output.paint('dim', oneLine(name).padEnd(16))} ${oneLine(textOf(value))}`).join('\n')
}

function textOf(value: unknown): string {
  if (typeof value === 'string') return value
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  return JSON.stringify(value) ?? ''
}
