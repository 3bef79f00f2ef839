import { useClient } from '@evegram/sdk/react'
import { useState, type FormEvent, type ReactElement } from 'react'
import { useTexts } from '../i18n/texts.js'
import { Failure, useAction } from '../ui/feedback.js'
import { Field } from './new-views.js'

/** Longest name in characters, so that its bytes are within what a contact may be called. */
const NAME_MAX = 64

/** What the user calls somebody: the same on all own devices, told to nobody. Give it the name as its key, so that what another device says is shown. */
export function ContactName({ account, name }: { readonly account: string; readonly name: string }): ReactElement {
  const { t } = useTexts()
  const client = useClient()
  const [text, setText] = useState(name)
  const { busy, code, run } = useAction()
  const submit = (event: FormEvent): void => {
    event.preventDefault()
    run(() => client.contacts.rename(account, text.trim()))
  }
  return (
    <form className="form inline" onSubmit={submit}>
      <Field label={t('contact.name')} hint={t('contact.name.hint')}>
        {(id, hint) => <input id={id} aria-describedby={hint} value={text} maxLength={NAME_MAX} onChange={(event) => { setText(event.target.value) }} dir="auto" autoComplete="off" />}
      </Field>
      <button type="submit" className="button" disabled={busy || text.trim() === name}>{t('contact.name.save')}</button>
      {code === undefined ? null : <Failure code={code} />}
    </form>
  )
}
