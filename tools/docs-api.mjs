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
  // Checked below: typedoc asks for more than a docstring on each export.
  validation: false, logLevel: 'Warn',
})
const project = await app.convert()
if (project === undefined) process.exit(1)
const bare = (project.children ?? []).flatMap((module) => (module.children ?? []).filter(isBare).map(({ name }) => `${module.name}: ${name}`))
for (const name of bare) console.error(`no docstring: ${name}`)
if (app.logger.hasErrors() || bare.length > 0) process.exit(1)
if (!values.check) {
  await app.generateDocs(project, resolve(root, values.to))
  console.log(`written to ${values.to}`)
}

/** Whether an export has no docstring; what another entry exports too is looked at there. */
function isBare(declaration) {
  if (declaration.isReference()) return false
  return !declaration.hasComment() && !(declaration.signatures ?? []).some((signature) => signature.hasComment())
}
