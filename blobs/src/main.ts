// node blobs/dist/main.js     run the service of files; settings are environment variables (docs/operations.md)
import { readFileSync } from 'node:fs'
import { runService, systemClock } from '@evegram/platform'
import { readBlobsProcessConfig } from './process-config.js'
import { startBlobsProcess } from './process.js'

// The file is this package's own.
const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { readonly version: string }

runService({
  name: 'blobs', clock: systemClock(), host: process, complain: (line) => { console.error(line) },
  start: async () => startBlobsProcess(readBlobsProcessConfig(process.env), version),
})
