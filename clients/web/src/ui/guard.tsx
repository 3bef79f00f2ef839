import { Component, type ReactElement, type ReactNode } from 'react'
import { codeOf } from '../i18n/error-text.js'
import { useTexts } from '../i18n/texts.js'
import { Icon } from './icon.js'

interface GuardState {
  /** Why what is below could not be shown. */
  readonly code: string | undefined
}

/** Whatever cannot be shown below it, and scripts that do not come, leave a text and a way on in its place: never an empty page. Give it another `key` for another thing to show. */
export class Guard extends Component<{ readonly children: ReactNode }, GuardState> {
  override state: GuardState = { code: undefined }

  /** Called by React with what was thrown. */
  static getDerivedStateFromError(failure: unknown): GuardState {
    return { code: codeOf(failure) }
  }

  override render(): ReactNode {
    return this.state.code === undefined ? this.props.children : <Broken code={this.state.code} />
  }
}

function Broken({ code }: { readonly code: string }): ReactElement {
  const { t } = useTexts()
  return (
    <div className="failure" role="alert">
      <Icon name="warn" />
      <div>
        <p>{t('broken.text')}</p>
        <p className="soft small">{t('error.code', { code })}</p>
        <button type="button" className="button" onClick={() => { globalThis.location.reload() }}>{t('broken.reload')}</button>
      </div>
    </div>
  )
}
