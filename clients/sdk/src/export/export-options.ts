/** Choices of {@link Client.exportData}. */
export interface ExportOptions {
  /** The content of files too, fetched from the server: what is there no more is named. */
  readonly files?: boolean
  /** Called now and then with what was written so far. */
  readonly onProgress?: (progress: ExportProgress) => void
  /** Ends it with the reason of the signal. */
  readonly signal?: AbortSignal
}

/** How far an export is. */
export interface ExportProgress {
  readonly lines: number
  readonly messages: number
  readonly bytes: number
}
