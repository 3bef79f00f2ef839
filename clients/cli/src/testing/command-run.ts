import type { Client, Wallet } from '@evegram/sdk'
import { vi } from 'vitest'
import type { Context } from '../context.js'
import { Output } from '../output.js'

/** What a command printed and how it ended. */
export interface CommandRun {
  readonly objects: readonly Readonly<Record<string, unknown>>[]
  readonly exitCode: number | undefined
  /** What it rejected with. */
  readonly error: unknown
}

/** Runs a command for machines with a client of which it finds `client` alone; a wallet it gets where it asks for one. */
export async function runCommand(client: unknown, run: (context: Context) => Promise<void>): Promise<CommandRun> {
  const lines: string[] = []
  const before = process.exitCode
  const printed = vi.spyOn(process.stdout, 'write').mockImplementation((text, done?: unknown) => {
    lines.push(String(text))
    if (typeof done === 'function') (done as (error?: Error) => void)()
    return true
  })
  // Commands use no more of a context than this.
  const context = {
    output: new Output(true, {}),
    withClient: <Result>(work: (client: Client, ended: AbortSignal) => Promise<Result>): Promise<Result> => work(client as Client, new AbortController().signal),
    wallet: () => Promise.resolve({ chain: 'solana' } as unknown as Wallet),
  } as unknown as Context
  try {
    const error = await run(context).then(() => undefined, (caught: unknown) => caught)
    return { objects: lines.map((line) => JSON.parse(line) as Record<string, unknown>), exitCode: process.exitCode === before ? undefined : Number(process.exitCode), error }
  } finally {
    printed.mockRestore()
    process.exitCode = before
  }
}
