// A process for the crash tests: opens the profile in argv[2] and writes (or only holds it) until it is killed.
import { writeSync } from 'node:fs'
import { isEvegramError } from '@evegram/protocol'
import { openSqliteStore } from '../sqlite.js'

const [, , folder = '', mode, from = '0'] = process.argv
const say = (line: string): void => { writeSync(1, `${line}\n`) }

try {
  const store = await openSqliteStore(folder)
  say('open')
  if (mode === 'hold') await new Promise((resolve) => { setTimeout(resolve, 30_000) })
  for (let number = Number(from); mode === 'write'; number += 2) {
    // Two commits share a tick, so that groups are killed too.
    await Promise.all([number, number + 1].map(async (commit) => {
      const key = String(commit).padStart(8, '0')
      await store.commit([
        { table: 'messages', key: `${key}/a`, value: new Uint8Array(700).fill(commit) },
        { table: 'messages', key: `${key}/b`, value: new Uint8Array(4_000).fill(commit) },
        { table: 'messages', key: `${key}/c`, value: new Uint8Array(40).fill(commit) },
        { table: 'chains', key, value: new Uint8Array(32) },
      ])
      say(String(commit))
    }))
  }
} catch (error) {
  const pid = isEvegramError(error) ? error.details?.['pid'] : undefined
  say(isEvegramError(error) ? `${error.code} ${String(pid)}` : String(error))
}
