// The program of a thread that runs PGlite: started by threaded-database.ts and by nobody else.
import { parentPort, workerData } from 'node:worker_threads'
import type { PGlite } from '@electric-sql/pglite'
import { openPgliteDirectory, snapshotOf } from './pglite-directory.js'
import type { ThreadAnswer, ThreadRequest, ThreadSettings } from './pglite-thread-messages.js'

// Only threaded-database.ts starts this thread, with exactly these settings.
const { folder } = workerData as ThreadSettings
const port = parentPort
if (port === null) throw new Error('pglite-thread is the program of a thread')
const tell = (answer: ThreadAnswer, transfer: readonly ArrayBuffer[] = []): void => { port.postMessage(answer, transfer) }

try {
  const client = await openPgliteDirectory(folder)
  // Statements that come together wait for each other inside PGlite.
  port.on('message', (request: ThreadRequest) => { void answer(client, request) })
  tell({ kind: 'opened' })
} catch (failure) {
  tell({ kind: 'unopened', failure: toldOf(failure) })
}

async function answer(client: PGlite, request: ThreadRequest): Promise<void> {
  const { id } = request
  try {
    switch (request.kind) {
      case 'query': {
        const { rows, affectedRows } = await client.query<Readonly<Record<string, unknown>>>(request.text, [...request.parameters])
        tell({ kind: 'rows', id, rows, affectedRows })
        return
      }
      case 'snapshot': {
        const bytes = await snapshotOf(client)
        tell({ kind: 'snapshot', id, bytes }, [bytes.buffer])
        return
      }
      case 'close':
        await client.close()
        tell({ kind: 'closed', id })
    }
  } catch (failure) {
    tell({ kind: 'failed', id, failure: toldOf(failure) })
  }
}

/** What is left of an error that goes to another thread: its message, and the SQLSTATE by which it is judged there. */
function toldOf(failure: unknown): { readonly message: string; readonly code: string | undefined } {
  if (!(failure instanceof Error)) return { message: String(failure), code: undefined }
  return { message: failure.message, code: 'code' in failure && typeof failure.code === 'string' ? failure.code : undefined }
}
