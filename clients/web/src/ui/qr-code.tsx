import makeCode from 'qrcode-generator'
import { useMemo, type ReactElement } from 'react'

/** Modules of quiet around a code, as ISO/IEC 18004 wants them. */
const QUIET = 4

/** A text as a QR code, drawn here: nothing is asked of anybody. */
export function QrCode({ text, label }: { readonly text: string; readonly label: string }): ReactElement {
  const { path, size } = useMemo(() => draw(text), [text])
  return <svg className="qr" role="img" aria-label={label} viewBox={`0 0 ${String(size)} ${String(size)}`} shapeRendering="crispEdges"><path d={path} fill="#000" /></svg>
}

function draw(text: string): { readonly path: string; readonly size: number } {
  const code = makeCode(0, 'M')
  code.addData(text)
  code.make()
  const count = code.getModuleCount()
  let path = ''
  for (let row = 0; row < count; row++) {
    for (let column = 0; column < count; column++) if (code.isDark(row, column)) path += `M${String(column + QUIET)} ${String(row + QUIET)}h1v1h-1z`
  }
  return { path, size: count + 2 * QUIET }
}
