import type { Logger } from '@evegram/platform'
import { isEvegramError } from '@evegram/protocol'
import type { Run } from './run.js'

/** What a program of the simulation logs: counted by its text; an error is a breach where `strict`, since it names a fault of the program. */
export function simLogger(run: Run, who: () => string, strict: boolean): Logger {
  const count = (level: string, message: string): void => { run.coverage.count(`log/${level}: ${message}`) }
  const logger: Logger = {
    debug: () => undefined,
    info: () => undefined,
    warn: (_fields, message) => { count('warn', message) },
    error: (fields, message) => {
      count('error', message)
      run.note(who(), `logged: ${message}${textOf(fields['err'])}`)
      if (strict) run.broken('program', `${who()} logged an error: ${message}${textOf(fields['err'])}`)
    },
    child: () => logger,
  }
  return logger
}

function textOf(failure: unknown): string {
  if (isEvegramError(failure)) return ` (${failure.code} in ${failure.operation ?? 'unknown'}${textOf(failure.cause)})`
  return failure instanceof Error ? ` (${failure.stack ?? failure.message})` : ''
}
