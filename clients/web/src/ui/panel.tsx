import { useEffect, useRef, type ReactElement, type ReactNode } from 'react'
import { useTexts } from '../i18n/texts.js'
import { hrefOf, type Route } from '../route.js'
import { Icon } from './icon.js'

/** A view beside the list: a bar with the way back and the name, and what is in it. Focus goes to the name, so that it is read out. */
export function Panel({ title, back = { view: 'list' }, children }: { readonly title: string; readonly back?: Route; readonly children: ReactNode }): ReactElement {
  const { t } = useTexts()
  const heading = useRef<HTMLHeadingElement>(null)
  // Once: a name that changes while somebody writes must not take their focus.
  useEffect(() => { heading.current?.focus() }, [])
  return (
    <section className="panel" aria-labelledby="panel-title">
      <header className="bar">
        <a className={back.view === 'list' ? 'icon-button only-phone' : 'icon-button'} href={hrefOf(back)} aria-label={t('chat.back')}><Icon name="back" /></a>
        <h1 id="panel-title" ref={heading} tabIndex={-1}>{title}</h1>
      </header>
      <div className="panel-body">{children}</div>
    </section>
  )
}

/** A group of rows with a name. */
export function Section({ title, hint, children }: { readonly title: string; readonly hint?: string; readonly children: ReactNode }): ReactElement {
  return (
    <section className="section">
      <h2>{title}</h2>
      {hint === undefined ? null : <p className="soft">{hint}</p>}
      {children}
    </section>
  )
}
