import { useClient, useSettings } from '@evegram/sdk/react'
import { useState, type ReactElement } from 'react'
import type { TextKey } from '../i18n/en.js'
import { codeOf } from '../i18n/error-text.js'
import { isLanguage, LANGUAGES } from '../i18n/languages.js'
import { useTexts } from '../i18n/texts.js'
import { choosePreferences, unchoosePreferences, usePreferences } from '../preferences.js'
import { hrefOf } from '../route.js'
import { useSession } from '../session/use-session.js'
import { ConfirmButton } from '../ui/confirm-button.js'
import { CopyButton, Failure, useAction } from '../ui/feedback.js'
import { Icon } from '../ui/icon.js'
import { Panel, Section } from '../ui/panel.js'
import { BlockedSection } from './blocked-section.js'
import { ExportSection } from './export-section.js'
import { Field } from './new-views.js'
import { WakeSection } from './wake-section.js'

const THEMES = ['system', 'light', 'dark'] as const
/** What others are told of this person, and what each switch means. */
const TOLD = [
  ['receipts.read', 'settings.read', 'settings.read.hint'], ['presence.tell', 'settings.presence', 'settings.presence.hint'], ['typing.tell', 'settings.typing', 'settings.typing.hint'],
] as const satisfies readonly (readonly [string, TextKey, TextKey])[]

/** Language, appearance, what others are told, and the account. */
export function SettingsView(): ReactElement {
  const { t } = useTexts()
  const client = useClient()
  const session = useSession()
  const { language, theme, isChosenHere } = usePreferences()
  const values = useSettings()
  const { code, run } = useAction()
  const [looksCode, setLooksCode] = useState<string>()
  // One does not wait for the other: of several choices the last counts, here and on other devices.
  const tellDevices = (told: Promise<void>): void => { told.then(() => { setLooksCode(undefined) }, (failure: unknown) => { setLooksCode(codeOf(failure)) }) }
  return (
    <Panel title={t('settings.title')}>
      <Section title={t('settings.account')}>
        <div className="own-address"><code className="address">{client.address}</code><CopyButton text={client.address} /></div>
      </Section>
      <div className="form">
        {looksCode === undefined ? null : <Failure code={looksCode} />}
        <Field label={t('settings.language')}>
          {(id) => (
            <select id={id} value={language} onChange={({ target: { value } }) => {
              if (!isLanguage(value)) return
              choosePreferences({ language: value })
              tellDevices(client.settings.set('language', value))
            }}>
              {Object.entries(LANGUAGES).map(([name, own]) => <option key={name} value={name} lang={name}>{own}</option>)}
            </select>
          )}
        </Field>
        <fieldset className="choice">
          <legend>{t('settings.theme')}</legend>
          {THEMES.map((name) => <label key={name}><input type="radio" name="theme" checked={theme === name} onChange={() => {
            choosePreferences({ theme: name })
            tellDevices(client.settings.set('theme', name))
          }} /><span>{t(`settings.theme.${name}`)}</span></label>)}
        </fieldset>
        <p className="soft small">{t(isChosenHere ? 'settings.looks.here' : 'settings.looks.account')}</p>
        {isChosenHere ? <button type="button" className="button quiet" onClick={unchoosePreferences}>{t('settings.looks.follow')}</button> : null}
      </div>
      <Section title={t('settings.told')} hint={t('settings.told.hint')}>
        {code === undefined ? null : <Failure code={code} />}
        {TOLD.map(([name, label, hint]) => (
          <label key={name} className="switch">
            <span><b>{t(label)}</b><span className="soft small">{t(hint)}</span></span>
            <input type="checkbox" role="switch" checked={values[name]} onChange={({ target }) => { run(() => client.settings.set(name, target.checked)) }} />
          </label>
        ))}
      </Section>
      <div className="cards">
        <a className="card" href={hrefOf({ view: 'history' })}><span className="card-icon"><Icon name="device" /></span><span><b>{t('history.title')}</b><span className="soft">{t('settings.history.lead')}</span></span></a>
        <a className="card" href={hrefOf({ view: 'backup' })}><span className="card-icon"><Icon name="shield" /></span><span><b>{t('backup.title')}</b><span className="soft">{t('settings.backup.lead')}</span></span></a>
      </div>
      <WakeSection />
      <BlockedSection />
      <ExportSection />
      <p className="soft">{t('settings.about')}</p>
      <div className="actions"><a className="button" href="/start">{t('settings.facts')}</a><ConfirmButton label={t('settings.signout')} question={t('settings.signout.sure')} onConfirm={() => { void session.signOut() }} /></div>
    </Panel>
  )
}
