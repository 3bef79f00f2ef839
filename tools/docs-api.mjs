#!/usr/bin/env node
// `npm run docs:api -- [--to <folder>]`: the pages of the SDK's API, made of its docstrings. What is exported without one is an error.
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { root } from './prepare.mjs'

const { values } = parseArgs({ options: { to: { type: 'string', default: 'docs/api' }, check: { type: 'boolean', default: false }, help: { type: 'boolean', short: 'h', default: false } } })
if (values.help) {
  console.log(`npm run docs:api -- [--to <folder>] [--check]

Writes the pages of the API of @evegram/sdk, made of its docstrings (default: docs/api, which is not committed). --check writes nothing.
Ends with code 1 when something that is exported has no docstring.`)
  process.exit(0)
}
const { Application } = await import('typedoc')
const app = await Application.bootstrap({
  name: '@evegram/sdk', entryPoints: ['index', 'browser', 'node', 'react'].map((name) => resolve(root, `clients/sdk/src/${name}.ts`)), tsconfig: resolve(root, 'clients/sdk/tsconfig.json'),
  excludePrivate: true, excludeInternal: true, readme: 'none', disableSources: true, skipErrorChecking: true,
  requiredToBeDocumented: ['Function', 'Class', 'Interface', 'TypeAlias', 'Variable', 'Enum'],
  validation: { notDocumented: true, notExported: false, invalidLink: false, rewrittenLink: false, unusedMergeModuleWith: false, invalidPath: false }, logLevel: 'Warn',
})
const project = await app.convert()
if (project === undefined) process.exit(1)
app.validate(project)
if (app.logger.hasErrors() || app.logger.hasWarnings()) process.exit(1)
if (!values.check) {
  await app.generateDocs(project, resolve(root, values.to))
  console.log(`written to ${values.to}`)
}
