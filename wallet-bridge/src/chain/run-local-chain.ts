import { readMeasureOptions, systemClock, systemRandom, type MeasureNumber, type MeasureOptions } from '@evegram/platform'
import { isEvegramError, type Clock, type Random } from '@evegram/protocol'

/** A local chain as a program of its own. */
export interface LocalChainProgram<Name extends string> {
  /** What `--help` prints. */
  readonly help: string
  readonly numbers: Readonly<Record<Name, MeasureNumber>>
  /** Starts it. Rejects when it cannot be. */
  readonly serve: (options: MeasureOptions<Name, never>, system: { readonly clock: Clock; readonly random: Random }) => Promise<{ readonly url: string; close(): Promise<void> }>
}

/**
 * Runs a local chain until SIGTERM or SIGINT, which end the process with 0. Prints its address, with `--json` as an object. Ends with 1 and a sentence when it does
 * not start, with 2 and the help for a wrong command line.
 */
export async function runLocalChain<Name extends string>({ help, numbers, serve }: LocalChainProgram<Name>): Promise<void> {
  const options = readMeasureOptions(process.argv.slice(2), { help, numbers })
  try {
    const server = await serve(options, { clock: systemClock(), random: systemRandom() })
    console.log(options.json ? JSON.stringify({ url: server.url }) : server.url)
    const stop = (): void => {
      void server.close().then(() => process.exit(0))
    }
    process.once('SIGTERM', stop)
    process.once('SIGINT', stop)
  } catch (error) {
    console.error(isEvegramError(error) ? error.message : error)
    process.exitCode = 1
  }
}
