import { spawn, type ChildProcess } from 'node:child_process'
import { EvegramError, sleep, type Clock } from '@evegram/protocol'
import type { TerraRpc } from '../rpc.js'
import type { TerradProgram } from './program.js'

/** A node that makes blocks. */
export interface RunningNode {
  /** Rejects with why when the node ends without having been told to. Never resolves. */
  readonly failed: Promise<never>
  /** Ends it: SIGTERM, and SIGKILL when that takes too long. Resolves when it is gone. */
  stop(): Promise<void>
}

/** How it is seen that a node runs. */
interface NodeWatch {
  readonly rpc: TerraRpc
  /** An address that has something in its first state alone. */
  readonly holder: string
  readonly clock: Clock
}

const START_MS_MAX = 60_000
const STOP_MS_MAX = 15_000
const LOOK_MS = 50
/** Of what a node says the end is kept, for the case that it ends. */
const OUTPUT_CHARACTERS_MAX = 65_536
const OUTPUT_CHARACTERS_SHOWN = 1_500
/**
 * The node ends when this program does, however that came: a shell waits on a pipe that only this program holds, then tells the node to end, and makes it after ten seconds.
 */
const LIFELINE = `exec 3<&0
"$@" 3<&- & node=$!
(cat <&3 >/dev/null; kill -TERM $node; for second in 1 2 3 4 5 6 7 8 9 10; do kill -0 $node || exit; sleep 1; done; kill -KILL $node) >/dev/null 2>&1 & watch=$!
wait $node; code=$?
kill $watch 2>/dev/null
exit $code`

/**
 * Starts the node in the folder of the program and resolves once it has made two blocks and knows `holder`, as nobody else's node on these ports would. Rejects
 * `unavailable.chain` with its last words when it ends before, or takes too long.
 */
export async function runNode(program: TerradProgram, { rpc, holder, clock }: NodeWatch): Promise<RunningNode> {
  const child = spawn('/bin/sh', ['-c', LIFELINE, 'terrad', program.path, 'start', '--log_level', 'error', '--home', program.home], { stdio: ['pipe', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => { output = (output + text).slice(-OUTPUT_CHARACTERS_MAX) })
  // The pipe of a node that has ended is closed: that is told by its end.
  child.stdin.on('error', () => undefined)
  let isEnded = false
  const ended = new Promise<void>((resolve) => {
    const over = (): void => {
      isEnded = true
      resolve()
    }
    child.once('error', (error) => {
      output += error.message
      over()
    })
    // With all that it said.
    child.once('close', over)
  })
  let isStopping = false
  const failed = new Promise<never>((_resolve, reject) => {
    void ended.then(() => {
      if (!isStopping) reject(new EvegramError('unavailable.chain', { operation: 'run terrad', advice: `The node ended: ${reasonIn(output)}` }))
    })
  })
  // Who starts it may look later.
  failed.catch(() => undefined)
  const stop = async (): Promise<void> => {
    isStopping = true
    await end(child, ended, clock)
  }
  try {
    await Promise.race([failed, firstBlocks({ rpc, holder, clock }, () => isEnded)])
  } catch (error) {
    await stop()
    throw error
  }
  return { failed, stop }
}

/** What it said was wrong, which the help of all its options may stand behind; else its last words. */
function reasonIn(output: string): string {
  return /^Error: .+$/m.exec(output)?.[0] ?? output.trim().slice(-OUTPUT_CHARACTERS_SHOWN)
}

async function firstBlocks({ rpc, holder, clock }: NodeWatch, isOver: () => boolean): Promise<void> {
  const deadline = clock.monotonicMs() + START_MS_MAX
  while (!isOver()) {
    // Until it listens it does not answer: that is no failure yet.
    const height = await rpc.latest().then((block) => block.height, () => 0)
    if (height >= 2 && await rpc.account(holder).then((account) => account !== undefined, () => false)) return
    if (clock.monotonicMs() > deadline) throw new EvegramError('unavailable.chain', { operation: 'run terrad', advice: `The node made no blocks within ${String(START_MS_MAX / 1_000)} s.` })
    await sleep(clock, LOOK_MS)
  }
}

async function end(child: ChildProcess, ended: Promise<void>, clock: Clock): Promise<void> {
  child.stdin?.end()
  const timer = clock.after(STOP_MS_MAX, () => child.kill('SIGKILL'))
  await ended
  timer.cancel()
}
