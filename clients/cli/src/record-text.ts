import type { Output } from './output.js'
import { visible } from './visible.js'

/** An object of a server as a person reads it: its fields in one line each, what is nested behind them; nothing of it can write over a terminal. */
export function recordText(record: Readonly<Record<string, unknown>>, output: Output): string {
  return Object.entries(record).map(([name, value]) => `${output.paint('dim', visible(name).padEnd(16))} ${visible(textOf(value))}`).join('\n')
}

function textOf(value: unknown): string {
  if (typeof value === 'string') return value.replaceAll('\n', ' ')
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  return JSON.stringify(value) ?? ''
}
