/** What the browser keeps for this origin. */
export interface StorageRoom {
  /** It is not thrown away when the device runs out of room; only the user removes it. */
  readonly kept: boolean
  /** What is used, and what may be, in bytes, as far as the browser says. */
  readonly usedBytes: number | undefined
  readonly roomBytes: number | undefined
}

/** How much room this origin has, and whether what it stores may be thrown away. */
export async function storageRoom(): Promise<StorageRoom> {
  const storage = storageOf()
  if (storage === undefined) return { kept: false, usedBytes: undefined, roomBytes: undefined }
  const [kept, { usage, quota }] = await Promise.all([storage.persisted(), storage.estimate()])
  return { kept, usedBytes: usage, roomBytes: quota }
}

/** Asks the browser not to throw away what this origin stores. Browsers answer by themselves or ask the user; false where it may be thrown away. */
export async function askToKeepStorage(): Promise<boolean> {
  try {
    return (await storageOf()?.persist()) ?? false
  } catch {
    // Asked in a frame or a private window: it may be thrown away, as after a no.
    return false
  }
}

function storageOf(): StorageManager | undefined {
  // Absent on pages without TLS and outside of browsers.
  const navigator = Reflect.get(globalThis, 'navigator') as { readonly storage?: StorageManager } | undefined
  return navigator?.storage
}
