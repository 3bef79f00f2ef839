import { useId, useRef, type ReactElement } from 'react'
import { useTexts } from '../i18n/texts.js'

/** A button for what cannot be undone: it asks first. Escape says no. */
export function ConfirmButton({ label, question, disabled = false, name, onConfirm }: {
  readonly label: string
  readonly question: string
  readonly disabled?: boolean
  /** What screen readers call it, where the label alone says too little. */
  readonly name?: string
  readonly onConfirm: () => void
}): ReactElement {
  const { t } = useTexts()
  const dialog = useRef<HTMLDialogElement>(null)
  const id = useId()
  return (
    <>
      <button type="button" className="button danger" disabled={disabled} aria-label={name} onClick={() => { dialog.current?.showModal() }}>{label}</button>
      <dialog ref={dialog} className="dialog" aria-labelledby={id}>
        <h2 id={id}>{label}</h2>
        <p>{question}</p>
        <form method="dialog" className="actions">
          <button type="submit" className="button">{t('dialog.cancel')}</button>
          <button type="button" className="button danger" onClick={() => { dialog.current?.close(); onConfirm() }}>{t('dialog.ok')}</button>
        </form>
      </dialog>
    </>
  )
}
