// npm run ledger:verify: whether a ledger is what its events say.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { systemClock } from '@evegram/platform'
import { bytesOfHex, hexOf, isEvegramError } from '@evegram/protocol'
import { embeddedDatabase, findPostgresLedger, postgresDatabase, type LedgerDatabase } from '../ledger/postgres/index.js'
import { verifyLedger, type LedgerAnchor, type LedgerVerification } from '../ledger/verify.js'

const HELP = `npm run ledger:verify -- --url postgres://user@host/database | --folder <folder of PGlite> [--anchor <number>:<hash>]... [--json]
  Recomputes the chain of events and every balance from them, and compares them with what is stored; names the first difference. Changes nothing, and may run
  while the ledger is written to (PGlite: not while another process has it open). Prints the newest event as an anchor: keep it somewhere else, and name it next
  time, and no history that does not contain it passes.
  --json  the result as one JSON object
Exit codes: 0 sound, 1 damaged, 2 wrong usage or no ledger there.`

const ANCHOR = /^([1-9][0-9]{0,15}):([0-9a-f]{64})$/

interface Options {
  readonly url: string | undefined
  readonly folder: string | undefined
  readonly anchors: readonly LedgerAnchor[]
  readonly json: boolean
}

/** Runs the command with what stands behind its name; the exit code. */
export async function verifyCommand(args: readonly string[]): Promise<number> {
  const options = readOptions(args)
  if (typeof options === 'number') return options
  try {
    const database = await databaseOf(options)
    try {
      const store = await findPostgresLedger(database, systemClock())
      const verified = await verifyLedger(store, options.anchors)
      await store.close()
      print(verified, options.json)
      return verified.status === 'sound' ? 0 : 1
    } finally {
      await database.close()
    }
  } catch (failure) {
    if (!isEvegramError(failure)) throw failure
    console.error(failure.message)
    return 2
  }
}

async function databaseOf({ url, folder }: Options): Promise<LedgerDatabase> {
  if (url !== undefined) return postgresDatabase(url, { connectionsMax: 1 })
  return embeddedDatabase(folder)
}

function readOptions(args: readonly string[]): Options | number {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        url: { type: 'string' }, folder: { type: 'string' }, anchor: { type: 'string', multiple: true, default: [] }, json: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    })
    if (values.help) {
      console.log(HELP)
      return 0
    }
    const { url, folder } = values
    if ((url === undefined) === (folder === undefined)) return usage('Name the ledger by --url or by --folder.')
    // PGlite would make one.
    if (folder !== undefined && !existsSync(join(folder, 'pgdata'))) return usage(`There is no ledger in ${folder}.`)
    const anchors = values.anchor.map(anchorOf)
    return anchors.some((anchor) => anchor === undefined) ? usage('An anchor is <number>:<64 hex digits>.')
      : { url, folder, anchors: anchors.flatMap((anchor) => anchor ?? []), json: values.json }
  } catch (failure) {
    return usage(failure instanceof Error ? failure.message : String(failure))
  }
}

function anchorOf(text: string): LedgerAnchor | undefined {
  const [, number, hash] = ANCHOR.exec(text) ?? []
  return number === undefined || hash === undefined ? undefined : { number: Number(number), hash: bytesOfHex(hash) }
}

function usage(problem: string): number {
  console.error(`${problem}\n\n${HELP}`)
  return 2
}

function print(verified: LedgerVerification, json: boolean): void {
  if (verified.status === 'damaged') {
    console.log(json ? JSON.stringify(verified) : `DAMAGED at event ${String(verified.number)}: ${verified.fault}: ${verified.detail}`)
    return
  }
  const { head: { ledger, number, hash }, accounts } = verified
  if (json) console.log(JSON.stringify({ status: 'sound', ledger, events: number, accounts, anchor: `${String(number)}:${hexOf(hash)}` }))
  else console.log(`sound: ${String(number)} events, ${String(accounts)} accounts of ledger ${ledger}\nanchor ${String(number)}:${hexOf(hash)}`)
}
