import { readFileSync } from 'node:fs'
import { keepObjectsYoung, runService, systemClock } from '@evegram/platform'
import { readEngineProcessConfig } from './process-config.js'
import { startEngineProcess } from './process.js'

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { readonly version: string }

keepObjectsYoung()
runService({
  name: 'engine', clock: systemClock(), host: process, complain: (line) => { console.error(line) },
  start: async () => startEngineProcess(readEngineProcessConfig(process.env), version),
})
