import { useLayoutEffect, useRef, type RefObject, type SyntheticEvent } from 'react'

/** A dialog that is open as long as its component is there. */
export interface Modal {
  readonly ref: RefObject<HTMLDialogElement | null>
  /** For `onClose` of the dialog. */
  readonly onClose: (event: SyntheticEvent<HTMLDialogElement>) => void
}

/**
 * Opens a dialog above the page when its component appears. When the component goes, however that came, the focus is where it was before: a dialog that is only taken out of the page gives it back to nobody.
 * `close` is told that the person closed it.
 */
export function useModal(close: () => void): Modal {
  const ref = useRef<HTMLDialogElement>(null)
  useLayoutEffect(() => {
    const { current } = ref
    current?.showModal()
    return () => { current?.close() }
  }, [])
  // The event comes late: by then it may be open again, or gone with its component.
  return { ref, onClose: ({ currentTarget }) => { if (currentTarget.isConnected && !currentTarget.open) close() } }
}
