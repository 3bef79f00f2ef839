import { useClient } from '@evegram/sdk/react'
import type { ReactElement } from 'react'
import { isLanguage, LANGUAGES } from '../i18n/languages.js'
import { useTexts } from '../i18n/texts.js'
import { setPreferences, usePreferences } from '../preferences.js'
import { useSession } from '../session/use-session.js'
import { ConfirmButton } from '../ui/confirm-button.js'
import { CopyButton } from '../ui/feedback.js'
import { Panel, Section } from '../ui/panel.js'
import { BlockedSection } from './blocked-section.js'
import { Field } from './new-views.js'

const THEMES = ['system', 'light', 'dark'] as const

/** Language, appearance, what others are told, and the account. */
export function SettingsView(): ReactElement {
  const { t } = useTexts()
  const client = useClient()
  const session = useSession()
  const { language, theme, tellsTyping } = usePreferences()
  return (
    <Panel title={t('settings.title')}>
      <Section title={t('settings.account')}>
        <div className="own-address"><code className="address">{client.address}</code><CopyButton text={client.address} /></div>
      </Section>
      <div className="form">
        <Field label={t('settings.language')}>
          {(id) => (
            <select id={id} value={language} onChange={({ target }) => { if (isLanguage(target.value)) setPreferences({ language: target.value }) }}>
              {Object.entries(LANGUAGES).map(([name, own]) => <option key={name} value={name} lang={name}>{own}</option>)}
            </select>
          )}
        </Field>
        <fieldset className="choice">
          <legend>{t('settings.theme')}</legend>
          {THEMES.map((name) => <label key={name}><input type="radio" name="theme" checked={theme === name} onChange={() => { setPreferences({ theme: name }) }} /><span>{t(`settings.theme.${name}`)}</span></label>)}
        </fieldset>
        <label className="switch">
          <span><b>{t('settings.typing')}</b><span className="soft small">{t('settings.typing.hint')}</span></span>
          <input type="checkbox" role="switch" checked={tellsTyping} onChange={({ target }) => { setPreferences({ tellsTyping: target.checked }) }} />
        </label>
      </div>
      <BlockedSection />
      <p className="soft">{t('settings.about')}</p>
      <div className="actions"><a className="button" href="/start">{t('settings.facts')}</a><ConfirmButton label={t('settings.signout')} question={t('settings.signout.sure')} onConfirm={() => { void session.signOut() }} /></div>
    </Panel>
  )
}
