// A process for the crash test: opens the profile in argv[3], which asked for history, and dies while it merges what it is given (argv[4]: behind so many messages; 0: it lives).
import { writeSync } from 'node:fs'
import { createNodeClient } from '../../node/create-node-client.js'

const [, , url = '', profile = '', dieBehind = '0'] = process.argv
const say = (line: string): void => { writeSync(1, `${line}\n`) }

const client = await createNodeClient({ url, profile })
client.on('history-progress', ({ step, done }) => {
  if (step !== 'importing') return
  say(`importing ${String(done)}`)
  if (Number(dieBehind) > 0 && done >= Number(dieBehind)) process.kill(process.pid, 'SIGKILL')
})
client.on('history-changed', ({ role, state }) => {
  if (role !== 'taking' || (state !== 'done' && state !== 'failed')) return
  say(state)
  void client.close().then(() => { process.exit(0) })
})
// The person has the other device in the hand.
client.on('history-changed', ({ role, state, device = '' }) => { if (role === 'taking' && state === 'offered') void client.history.confirm(device) })
await client.history.request()
say('asked')
