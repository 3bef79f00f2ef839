import { readFileSync } from 'node:fs'
import { runService, systemClock } from '@evegram/platform'
import { readAuthProcessConfig } from './process-config.js'
import { startAuthProcess } from './process.js'

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { readonly version: string }

runService({
  name: 'auth', clock: systemClock(), host: process, complain: (line) => { console.error(line) },
  start: async () => startAuthProcess(readAuthProcessConfig(process.env), version),
})
