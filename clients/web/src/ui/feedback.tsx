import { useRef, useState, type ReactElement, type ReactNode } from 'react'
import { codeOf, errorText } from '../i18n/error-text.js'
import { useTexts } from '../i18n/texts.js'
import { Icon, type IconName } from './icon.js'

/** Says that something failed, what to do, and the code to tell somebody. */
export function Failure({ code, retry }: { readonly code: string; readonly retry?: () => void }): ReactElement {
  const texts = useTexts()
  return (
    <div className="failure" role="alert">
      <Icon name="warn" />
      <div>
        <p>{errorText(texts, code)}</p>
        <p className="soft small">{texts.t('error.code', { code })}</p>
        {retry === undefined ? null : <button type="button" className="button" onClick={retry}>{texts.t('error.retry')}</button>}
      </div>
    </div>
  )
}

/** A place where nothing is yet, and why. */
export function Empty({ icon, title, children }: { readonly icon: IconName; readonly title: string; readonly children?: ReactNode }): ReactElement {
  return (
    <div className="empty">
      <span className="empty-icon"><Icon name={icon} /></span>
      <p className="empty-title">{title}</p>
      {children}
    </div>
  )
}

/** Shapes in place of what is being read. */
export function Loading({ rows = 4 }: { readonly rows?: number }): ReactElement {
  const { t } = useTexts()
  return (
    <div className="loading" role="status" aria-label={t('app.loading')}>
      {Array.from({ length: rows }, (_, at) => <span key={at} className="bone" />)}
    </div>
  )
}

/** An action that takes a moment: whether it runs, why it failed, and how to begin it. One at a time. */
export function useAction(): { readonly busy: boolean; readonly code: string | undefined; readonly run: (action: () => Promise<void>) => void } {
  const [busy, setBusy] = useState(false)
  const [code, setCode] = useState<string>()
  // Two presses may come before anything is painted.
  const runs = useRef(false)
  return {
    busy, code,
    run(action) {
      if (runs.current) return
      runs.current = true
      setBusy(true)
      setCode(undefined)
      action().catch((failure: unknown) => { setCode(codeOf(failure)) }).finally(() => {
        runs.current = false
        setBusy(false)
      })
    },
  }
}

/** Copies a text, and says that it did. */
export function CopyButton({ text }: { readonly text: string }): ReactElement {
  const { t } = useTexts()
  const [copied, setCopied] = useState(false)
  return (
    <button type="button" className="button quiet" onClick={() => { navigator.clipboard.writeText(text).then(() => { setCopied(true) }, () => { setCopied(false) }) }}>
      <Icon name={copied ? 'check' : 'copy'} /><span aria-live="polite">{t(copied ? 'new.copied' : 'new.copy')}</span>
    </button>
  )
}
