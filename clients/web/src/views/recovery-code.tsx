import { useState, type FormEvent, type ReactElement } from 'react'
import { useTexts } from '../i18n/texts.js'
import { CopyButton } from '../ui/feedback.js'
import { Section } from '../ui/panel.js'
import { Field } from './new-views.js'

/** Shows a recovery code, once, and goes on when the person typed it back: what was not written down then is lost for ever. */
export function RecoveryCode({ code, onKnown }: { readonly code: string; readonly onKnown: () => void }): ReactElement {
  const { t } = useTexts()
  const [step, setStep] = useState<'show' | 'ask'>('show')
  const [typed, setTyped] = useState('')
  const [isWrong, setIsWrong] = useState(false)
  const submit = (event: FormEvent): void => {
    event.preventDefault()
    if (plain(typed) === plain(code)) onKnown()
    else setIsWrong(true)
  }
  if (step === 'show') {
    return (
      <Section title={t('backup.code')} hint={t('backup.code.hint')}>
        <code className="recovery-code" aria-label={t('backup.code')}>{code.split('-').map((group) => <span key={group}>{group}</span>)}</code>
        <div className="buttons"><button type="button" className="button primary" onClick={() => { setStep('ask') }}>{t('backup.code.written')}</button><CopyButton text={code} /></div>
      </Section>
    )
  }
  return (
    <form className="form" onSubmit={submit}>
      <Field label={t('backup.code.again')} hint={t('backup.code.again.hint')}>
        {(id, hint) => <input id={id} aria-describedby={hint} aria-invalid={isWrong} value={typed} onChange={(event) => { setTyped(event.target.value); setIsWrong(false) }} autoComplete="off" autoCapitalize="characters" spellCheck={false} autoFocus />}
      </Field>
      {isWrong ? <p className="wrong" role="alert">{t('backup.code.differs')}</p> : null}
      <div className="buttons">
        <button type="submit" className="button primary" disabled={typed.trim() === ''}>{t('backup.code.done')}</button>
        <button type="button" className="button" onClick={() => { setStep('show') }}>{t('backup.code.back')}</button>
      </div>
    </form>
  )
}

/** As the SDK reads codes: case, hyphens and spaces do not count, and what looks alike is the same. */
function plain(code: string): string {
  return code.toUpperCase().replace(/[\s‐-―-]/gu, '').replace(/[IL]/g, '1').replace(/O/g, '0')
}
