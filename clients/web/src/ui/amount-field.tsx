import type { WalletAsset } from '@evegram/sdk'
import { useId, useState, type ReactElement, type ReactNode } from 'react'
import { useTexts, type Texts } from '../i18n/texts.js'
import { readAmount, writeAmount, type AmountBounds, type AmountFault, type AmountRead } from './read-amount.js'

/** What an {@link AmountField} needs. */
export interface AmountFieldProps {
  readonly label: string
  readonly asset: Pick<WalletAsset, 'symbol' | 'decimals'>
  readonly text: string
  readonly onText: (text: string) => void
  /** What is outside is told below the field; `max` has a button that writes it. */
  readonly bounds?: AmountBounds | undefined
  /** What there is to know about the amount, below the field. */
  readonly note?: ReactNode
}

/** What the next digit may mend: said once the field is left, not after every key on the way from 0 to 0.5. */
const MAY_GROW: ReadonlySet<AmountFault> = new Set(['zero', 'min'])

/** What the text of a field says, in the way of writing of this person. */
export function useAmount(text: string, { decimals }: Pick<WalletAsset, 'decimals'>, bounds?: AmountBounds): AmountRead {
  return readAmount(text, decimals, useTexts().decimalSign, bounds)
}

/** A field for an amount of an asset: whole-number arithmetic on its decimal places, with what is wrong below it. The text is the owner's; `useAmount` reads it. */
export function AmountField({ label, asset, text, onText, bounds, note }: AmountFieldProps): ReactElement {
  const texts = useTexts()
  const { t, decimalSign, amountText } = texts
  const id = useId()
  const read = useAmount(text, asset, bounds)
  const max = bounds?.max
  const [isWriting, setIsWriting] = useState(false)
  const fault = read.status !== 'wrong' || (isWriting && (MAY_GROW.has(read.fault) || /^[.,]$/.test(text.trim()))) ? undefined : read.fault
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <span className="amount-field">
        <input id={id} inputMode="decimal" autoComplete="off" spellCheck={false} dir="ltr" value={text} aria-describedby={note === undefined ? `${id}-wrong` : `${id}-wrong ${id}-note`} aria-invalid={fault !== undefined} onFocus={() => { setIsWriting(true) }} onBlur={() => { setIsWriting(false) }} onChange={({ target }) => { onText(target.value) }} />
        <bdi className="amount-symbol">{asset.symbol}</bdi>
        {max === undefined || max <= 0n ? null : <button type="button" className="button quiet" aria-label={t('amount.max.of', { amount: amountText(max, asset) })} onClick={() => { onText(writeAmount(max, asset.decimals, decimalSign)) }}>{t('amount.max')}</button>}
      </span>
      <p id={`${id}-wrong`} className="wrong small" role="status">{fault === undefined ? '' : t(`amount.wrong.${fault}`, valuesOf(fault, texts, asset, bounds))}</p>
      {note === undefined ? null : <p id={`${id}-note`} className="soft small">{note}</p>}
    </div>
  )
}

function valuesOf(fault: AmountFault, { amountText, decimalSign }: Texts, asset: AmountFieldProps['asset'], bounds: AmountBounds | undefined): Readonly<Record<string, string | number>> {
  switch (fault) {
    case 'places': return { symbol: asset.symbol, count: asset.decimals }
    case 'min': return { amount: amountText(bounds?.min ?? 0n, asset) }
    case 'max': return { amount: amountText(bounds?.max ?? 0n, asset) }
    case 'form': return { half: `0${decimalSign}5` }
    case 'grouping': case 'large': case 'zero': return {}
    default: return fault satisfies never
  }
}
