import type uPlot from 'uplot'
import type { ReportData } from './report-data.js'

/** What of a browser the page uses; the harness itself runs without one. */
interface PageWindow {
  readonly document: { getElementById(id: string): PageElement | null; readonly documentElement: unknown }
  getComputedStyle(element: unknown): { getPropertyValue(name: string): string }
  matchMedia(query: string): { readonly matches: boolean; addEventListener(type: 'change', listener: () => void): void }
  addEventListener(type: 'resize', listener: () => void): void
}
interface PageElement {
  readonly clientWidth: number
  replaceChildren(): void
}

/** Draws the report. Its text becomes part of the page: it uses nothing but its arguments and the browser. */
export function drawReport(UPlot: typeof uPlot, data: ReportData): void {
  // This runs in the page alone; the types of this program are Node's, and PageWindow names what is used of a browser's.
  const page = globalThis as unknown as PageWindow
  const isDark = (): boolean => page.matchMedia('(prefers-color-scheme: dark)').matches
  const colour = (name: string): string => page.getComputedStyle(page.document.documentElement).getPropertyValue(`--${name}`).trim()
  const palette = (): readonly string[] => (isDark() ? ['#6ea8fe', '#f28b60', '#4cc38a', '#c29bf5'] : ['#2563c9', '#d9541e', '#0a7d4f', '#7a3fd0'])
  const points = data.timeline
  const times = points.map((point) => point.atSeconds)
  const of = (field: keyof (typeof points)[number]): (number | null)[] => points.map((point) => (typeof point[field] === 'number' ? point[field] : null))
  const charts: uPlot[] = []

  function draw(id: string, height: number, x: number[], series: readonly { readonly name: string; readonly values: (number | null)[]; readonly unit: string }[], more: 'time' | 'percentile' | 'logarithmic'): void {
    const place = page.document.getElementById(id)
    const shown = series.filter(({ values }) => values.some((value) => value !== null))
    if (place === null || shown.length === 0) return
    place.replaceChildren()
    const colours = palette()
    const axis = { stroke: colour('muted'), grid: { stroke: colour('grid'), width: 1 }, ticks: { stroke: colour('grid'), width: 1 } }
    const isLog = more !== 'time'
    const lines = shown.map(({ name, unit }, index) => ({
      label: name, stroke: colours[index % colours.length] ?? '#888', width: 2, points: { show: x.length < 3 }, spanGaps: true,
      value: (_chart: uPlot, value: number | null): string => (value === null ? '–' : `${Number(value.toFixed(value < 10 ? 2 : 1)).toLocaleString('en')} ${unit}`),
    }))
    const xText = (value: number): string => (more === 'percentile' ? `${String(Number((100 * (1 - 10 ** -value)).toFixed(value >= 3 ? 2 : value >= 2 ? 1 : 0)))} %` : `${String(Number(value.toFixed(1)))} s`)
    const options: uPlot.Options = {
      width: place.clientWidth, height, padding: [8, 32, 0, 0],
      cursor: more === 'percentile' ? {} : { sync: { key: 'time' } },
      scales: { x: { time: false }, y: isLog ? { distr: 3 } : { range: (_chart, _min, max) => [0, Math.max(1, (max ?? 0) * 1.1)] } },
      axes: [
        more === 'percentile' ? { ...axis, splits: () => [0, 1, 2, 3, 4], values: (_chart, values) => values.map(xText) } : { ...axis, values: (_chart, values) => values.map(xText) },
        { ...axis, size: 64, values: (_chart, values) => values.map((value: number | null) => (value === null ? '' : value.toLocaleString('en'))) },
      ],
      series: [{ label: more === 'percentile' ? 'percentile' : 'time', value: (_chart, value: number | null) => (value === null ? '–' : xText(value)) }, ...lines],
      hooks: {
        drawClear: [(chart) => {
          // The warm-up lies behind the lines.
          const end = Math.max(0, ...points.filter(({ isWarmUp }) => isWarmUp).map(({ atSeconds }) => atSeconds))
          if (more === 'percentile' || end === 0) return
          const { left, top, height: boxHeight } = chart.bbox
          chart.ctx.fillStyle = colour('grid')
          chart.ctx.fillRect(left, top, Math.max(0, chart.valToPos(end, 'x', true) - left), boxHeight)
        }],
      },
    }
    // The element is one of the page's own; the types of uPlot know browsers, this program does not.
    charts.push(new UPlot(options, [x, ...shown.map(({ values }) => values)], place as unknown as NonNullable<ConstructorParameters<typeof uPlot>[2]>))
  }

  function drawAll(): void {
    for (const chart of charts.splice(0)) chart.destroy()
    draw('percentiles', 320, [...data.nines], data.curves.map(({ name, ms }) => ({ name, values: [...ms], unit: 'ms' })), 'percentile')
    draw('latency', 220, times, [{ name: 'p50', values: of('p50Ms'), unit: 'ms' }, { name: 'p99', values: of('p99Ms'), unit: 'ms' }, { name: 'max', values: of('maxMs'), unit: 'ms' }], 'logarithmic')
    draw('throughput', 200, times, [{ name: 'delivered', values: of('delivered'), unit: '/s' }, { name: 'sent', values: of('sent'), unit: '/s' }, { name: 'acknowledged', values: of('acknowledged'), unit: '/s' }, { name: 'planned', values: of('planned'), unit: '/s' }], 'time')
    draw('errors', 120, times, [{ name: 'refused', values: of('refused'), unit: '/s' }, { name: 'doubled', values: of('duplicated'), unit: '/s' }], 'time')
    draw('cpu', 160, times, [{ name: 'server', values: of('serverCpuPercent'), unit: '%' }, { name: 'generator', values: of('generatorCpuPercent'), unit: '%' }], 'time')
    draw('memory', 120, times, [{ name: 'server', values: of('serverRssMiB'), unit: 'MiB' }], 'time')
    draw('loop', 140, times, [{ name: 'server event loop, p99', values: of('serverLoopDelayMs'), unit: 'ms' }, { name: 'latest send', values: of('sendLagMaxMs'), unit: 'ms' }], 'time')
  }
  drawAll()
  page.addEventListener('resize', drawAll)
  page.matchMedia('(prefers-color-scheme: dark)').addEventListener('change', drawAll)
}
