import type { EvegramError } from '@evegram/protocol'
import type { Client } from '../client.js'
import type { TransferProgress } from '../files/download.js'
import type { WaitingUpload } from '../files/file-uploads.js'
import { Observable, type Readable } from './observable.js'

/** Files that are on their way, or that never will be sent. */
export interface ShownUpload extends WaitingUpload {
  /** Why they never will be sent: shown until `dismiss`. */
  readonly error?: EvegramError
}

/** The files that are on their way to the server, in the order in which they go; those of an earlier run included. Lives as long as the client. */
export class UploadList implements Readable<readonly ShownUpload[]> {
  readonly #client: Pick<Client, 'on' | 'uploads'>
  readonly #view: Observable<readonly ShownUpload[]>
  #listens = false

  constructor(client: Pick<Client, 'on' | 'uploads'>) {
    this.#client = client
    this.#view = new Observable<readonly ShownUpload[]>([], (isWatched) => {
      if (!isWatched || this.#listens) return
      this.#listens = true
      client.on('upload', ({ upload, state, progress, error }) => {
        if (state === 'sent') this.#remove(upload)
        else if (!this.#change(upload, { progress, ...(error === undefined ? {} : { error }) }) && state === 'sending') void this.refresh()
      })
      void this.refresh()
    })
  }

  readonly subscribe = (changed: () => void): (() => void) => this.#view.subscribe(changed)
  readonly getSnapshot = (): readonly ShownUpload[] => this.#view.getSnapshot()

  /** Reads what waits again: after files were sent, so that they are shown before their first piece is. */
  async refresh(): Promise<void> {
    try {
      const waiting = await this.#client.uploads()
      const failed = this.#view.getSnapshot().filter(({ error }) => error !== undefined)
      this.#view.set([...failed.filter(({ upload }) => !waiting.some((one) => one.upload === upload)), ...waiting])
    } catch {
      // A closed client: nothing is on its way in this page any more, and what is known stays.
    }
  }

  /** Shows an upload that failed no more. */
  dismiss(upload: string): void {
    this.#remove(upload)
  }

  #change(upload: string, change: { readonly progress: TransferProgress; readonly error?: EvegramError }): boolean {
    const uploads = this.#view.getSnapshot()
    const at = uploads.findIndex((one) => one.upload === upload)
    const known = uploads[at]
    if (known === undefined) return false
    // A failure says nothing of how far it came.
    this.#view.set(uploads.with(at, { ...known, ...(change.error === undefined ? { progress: change.progress } : { error: change.error }) }))
    return true
  }

  #remove(upload: string): void {
    const uploads = this.#view.getSnapshot()
    const rest = uploads.filter((one) => one.upload !== upload)
    if (rest.length < uploads.length) this.#view.set(rest)
  }
}
