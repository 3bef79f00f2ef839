import { readMeasureOptions, systemClock, systemRandom, type MeasureNumber, type MeasureOptions } from '@evegram/platform'
import { isEvegramError, type Clock, type Random } from '@evegram/protocol'

/** A local chain as a program of its own. */
export interface LocalChainProgram<Name extends string, Text extends string = never> {
  /** What `--help` prints. */
  readonly help: string
  readonly numbers: Readonly<Record<Name, MeasureNumber>>
  readonly texts?: Readonly<Record<Text, string>>
  /** Starts it. Rejects when it cannot be. */
  readonly serve: (options: MeasureOptions<Name, Text>, system: { readonly clock: Clock; readonly random: Random }) => Promise<LocalChainServer>
}

/** A local chain that runs. */
export interface LocalChainServer {
  readonly url: string
  /** What `--json` tells beside the address. */
  readonly facts?: Readonly<Record<string, string>>
  /** Rejects when it ends by itself. */
  readonly failed?: Promise<never>
  close(): Promise<void>
}

/**
 * Runs a local chain until SIGTERM or SIGINT, which end the process with 0. Prints its address, with `--json` as an object. Ends with 1 and a sentence when it does
 * not start or ends by itself, with 2 and the help for a wrong command line.
 */
export async function runLocalChain<Name extends string, Text extends string = never>({ help, numbers, texts, serve }: LocalChainProgram<Name, Text>): Promise<void> {
  const options = readMeasureOptions(process.argv.slice(2), { help, numbers, ...(texts === undefined ? {} : { texts }) })
  const fail = (error: unknown): void => { console.error(isEvegramError(error) ? error.message : error) }
  const serving = serve(options, { clock: systemClock(), random: systemRandom() })
  const stop = (code: number): void => {
    // Told to end while it starts, it starts and ends: nothing of it is left behind.
    void serving.then((server) => server.close()).catch(fail).then(() => process.exit(code))
  }
  process.once('SIGTERM', () => { stop(0) })
  process.once('SIGINT', () => { stop(0) })
  try {
    const server = await serving
    console.log(options.json ? JSON.stringify({ url: server.url, ...server.facts }) : server.url)
    server.failed?.catch((error: unknown) => {
      fail(error)
      stop(1)
    })
  } catch (error) {
    fail(error)
    process.exitCode = 1
  }
}
