import { execFile } from 'node:child_process'
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import ts from 'typescript'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { buildPrograms, evegram, temporaryFolder, TestServer } from './testing/programs.js'
import { readmeCommands, readmeExample, readmeScripts } from './testing/readme.js'

vi.setConfig({ testTimeout: 240_000 })
const here = fileURLToPath(new URL('../', import.meta.url))
const manifest = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')) as { readonly scripts: Readonly<Record<string, string>> }

describe('what README.md says', () => {
  const folder = temporaryFolder()
  const server = new TestServer(join(folder.path, 'data'))
  const addresses = new Map<string, string>()
  const environment = (): Readonly<Record<string, string>> => ({ EVEGRAM_SERVER: server.url, HOME: folder.path })

  beforeAll(async () => {
    await buildPrograms()
    await server.start()
  }, 240_000)
  afterAll(async () => {
    await server.kill('SIGTERM')
    folder.remove()
  })

  it('names only npm commands that exist', () => {
    const scripts = readmeScripts()
    expect(scripts.length).toBeGreaterThan(5)
    for (const script of scripts) expect(Object.keys(manifest.scripts)).toContain(script)
  })

  it('can be typed as it is: every evegram command runs, in its order', async () => {
    const commands = readmeCommands()
    expect(commands.map((command) => command.split(' ')[0])).toEqual(expect.arrayContaining(['keys', 'login', 'chat', 'verify', 'group', 'channel', 'play', 'wallet', '--help', 'doctor']))
    mkdirSync(join(folder.path, 'cwd'))
    // What is missing in the short forms of the text: whose profile it is.
    const profile = ['--profile', './alice']
    let link = ''
    let outside = ''
    // The newest one that was named: by its first digits, or as it was sent.
    let message = ''
    const onChain: string[] = []
    const stageOf = (command: string): number => ['keys', 'login', 'chat'].indexOf(command.split(' ')[0] ?? '') + 1 || 9
    for (const command of [...commands].sort((left, right) => stageOf(left) - stageOf(right))) {
      const args = command.replace("<Bob's address>", addresses.get('bob') ?? '').replace("<Alice's address>", addresses.get('alice') ?? '')
        .replace('<an address>', outside).replace('<address>', addresses.get('bob') ?? '').replace('<the link>', link).replace('<message>', message).match(/"[^"]*"|\S+/g)?.map((word) => word.replaceAll('"', '')) ?? []
      if (!args.includes('--profile')) args.push(...profile)
      const outcome = await evegram(args, { environment: environment(), cwd: join(folder.path, 'cwd'), input: 'hello\n' })
      expect(outcome.code, `${command}: ${outcome.stderr}`).toBe(0)
      message = (command.includes(' --ids') ? /^([0-9a-f]{8}) .*$/m.exec(outcome.stdout) : /^sent ([0-9a-f]{32})$/m.exec(outcome.stdout))?.[1] ?? message
      // The rest of the text goes on with who was blocked, once that was taken back as it says.
      if (command.startsWith('block ')) expect((await evegram(['unblock', ...args.slice(1)], { environment: environment(), cwd: join(folder.path, 'cwd') })).code).toBe(0)
      const made = /^\w+ wallet (\S+)\nwritten to (\w+)\.json/.exec(outcome.stdout)
      outside = /^sim[0-9a-f]+$/m.exec(outcome.stdout)?.[0] ?? outside
      if (command.startsWith('play balance')) onChain.push(outcome.stdout.split(' ')[0] ?? '')
      link = /^evegram:\S+$/m.exec(outcome.stdout)?.[0] ?? link
      if (args[1] === 'read' || args[1] === 'history') expect(outcome.stdout, command).toMatch(/ hello\n$/)
      if (made !== null) addresses.set(made[2] ?? '', made[1] ?? '')
    }
    // The tour of the wallet bridge: what the chain itself says before and after the withdrawal.
    expect(onChain).toEqual(['0', '2'])
    const { objects } = await evegram(['history', addresses.get('alice') ?? '', '--profile', './bob', '--json'], { environment: environment(), cwd: join(folder.path, 'cwd') })
    expect(objects.filter((object) => !('payment' in object)).map(({ text, deleted }) => deleted ?? text)).toEqual(['hello', 'hello', true])
    expect(objects.flatMap((object) => ('payment' in object ? [object['payment']] : []))).toMatchObject([{ amount: '5500000', proof: 'paid' }])
  })

  it('has an example that the compiler accepts', () => {
    const name = join(here, 'src', 'readme-example.ts')
    const { config } = ts.readConfigFile(join(here, '../../tsconfig.base.json'), (path) => ts.sys.readFile(path)) as { config: { compilerOptions: object } }
    const { options } = ts.convertCompilerOptionsFromJson({ ...config.compilerOptions, noEmit: true, composite: false, types: ['node'] }, here)
    const host = ts.createCompilerHost(options)
    const fileExists = host.fileExists.bind(host)
    const getSourceFile = host.getSourceFile.bind(host)
    host.fileExists = (path) => path === name || fileExists(path)
    const problemsOf = (code: string): string[] => {
      const source = ts.createSourceFile(name, `declare const address: string\n${code}\n`, ts.ScriptTarget.ES2023)
      host.getSourceFile = (path, ...rest) => (path === name ? source : getSourceFile(path, ...rest))
      return ts.getPreEmitDiagnostics(ts.createProgram([name], options, host)).map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'))
    }
    expect(problemsOf(readmeExample())).toEqual([])
    expect(problemsOf(readmeExample().replace('.send(', '.shout('))).toHaveLength(1)
  })

  it('has an example that does what it says', async () => {
    const address = addresses.get('bob') ?? ''
    const { outputText } = ts.transpileModule(readmeExample(), { compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2023 } })
    const program = `${outputText.replaceAll('http://localhost:8080', server.url).replaceAll('./carol', join(folder.path, 'carol'))}\nconst address = ${JSON.stringify(address)}`
      // The example assumes the address; here it must be known before it is used.
      .replace(/^([\s\S]*)\n(const address = .*)$/, '$2\n$1')
    const { stdout, stderr } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', program], { cwd: here, timeout: 60_000 })
    expect(stderr).toBe('')
    expect(stdout).toMatch(/^terra1\w+ hello\n$/)
    const { objects } = await evegram(['listen', '--profile', './bob', '--all', '--count', '4', '--json'], { environment: environment(), cwd: join(folder.path, 'cwd') })
    expect(objects.at(-1)).toMatchObject({ text: 'hello', from: stdout.split(' ')[0] })
  })
})
