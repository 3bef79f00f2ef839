import type { Command } from 'commander'
import type { Context } from './context.js'

/** Adds a command with its examples and the exit codes. */
export type Add = (parent: Command, usage: string, description: string, ...examples: readonly string[]) => Command

/** What a command does with its arguments, then its options. */
export type Work<Arguments extends unknown[]> = (context: Context, ...parameters: Arguments) => Promise<void>

/** Makes the action of a command: its context, its output, its failure. What it does is loaded when it is asked for: help and mistakes load no client. */
export type Act = <Arguments extends unknown[]>(load: () => Promise<Work<Arguments>>) => (...received: unknown[]) => Promise<void>
