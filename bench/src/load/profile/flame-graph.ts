import { frameName, isIdle, type CpuProfile, type ProfileNode } from '../../top-costs.js'
import { escapeHtml } from '../report/escape-html.js'

const WIDTH = 1_200
const ROW = 17
const TOP = 44
/** Narrower frames cannot be seen: they and what they call are left out. */
const WIDTH_MIN = 0.6
/** Width of a character of the font, so that a text ends before its frame does. */
const CHARACTER = 6.4
const TEXT_MIN = 30
/** Whose function it is, by where it comes from; the first that fits. */
const OWNERS: readonly { readonly name: string; readonly colour: string; readonly fits: (node: ProfileNode) => boolean }[] = [
  { name: 'collector of memory', colour: '#c98b8b', fits: ({ callFrame }) => callFrame.functionName === '(garbage collector)' },
  { name: 'native code and system calls', colour: '#b9b4a8', fits: ({ callFrame }) => callFrame.url === '' },
  { name: 'dependencies', colour: '#a9b98a', fits: ({ callFrame }) => callFrame.url.includes('/node_modules/') },
  { name: 'Node', colour: '#93b5c6', fits: ({ callFrame }) => callFrame.url.startsWith('node:') },
  { name: 'this project', colour: '#e8b04b', fits: () => true },
]

interface Frame {
  readonly node: ProfileNode
  us: number
  readonly callees: Map<string, Frame>
}

/**
 * A flame graph of a profile as one SVG that loads nothing: the width of a frame is its share of the time that was not idle, callers above what they call,
 * calls of one function joined and sorted by name. The text of a frame shows when the pointer rests on it.
 */
export function flameGraph(profile: CpuProfile, title: string): string {
  const root = treeOf(profile)
  const shapes: string[] = []
  let depthMax = 0
  const draw = (frame: Frame, x: number, depth: number): void => {
    const width = (frame.us / Math.max(1, root.us)) * WIDTH
    if (width < WIDTH_MIN) return
    depthMax = Math.max(depthMax, depth)
    shapes.push(shapeOf(frame, x, depth, width, root.us))
    let at = x
    for (const [, callee] of [...frame.callees].sort(([left], [right]) => (left < right ? -1 : 1))) {
      draw(callee, at, depth + 1)
      at += (callee.us / Math.max(1, root.us)) * WIDTH
    }
  }
  draw(root, 0, 0)
  const height = TOP + (depthMax + 1) * ROW + 8
  const legend = OWNERS.map(({ name, colour }, index) => `<rect x="${String(8 + index * 210)}" y="26" width="11" height="11" fill="${colour}"/><text x="${String(24 + index * 210)}" y="36">${name}</text>`)
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${String(WIDTH)} ${String(height)}" width="${String(WIDTH)}" font-family="ui-monospace,monospace" font-size="10.5">`,
    `<rect width="100%" height="100%" fill="#fbfaf7"/><text x="8" y="17" font-size="13">${escapeHtml(title)}</text>`,
    ...legend, ...shapes, '</svg>', '',
  ].join('\n')
}

function shapeOf({ node, us }: Frame, x: number, depth: number, width: number, wholeUs: number): string {
  const name = frameName(node)
  const text = width < TEXT_MIN ? '' : `<text x="${(x + 3).toFixed(1)}" y="${String(TOP + depth * ROW + 12)}">${escapeHtml(name.slice(0, Math.floor((width - 4) / CHARACTER)))}</text>`
  const colour = OWNERS.find(({ fits }) => fits(node))?.colour ?? ''
  return `<g><title>${escapeHtml(name)}: ${((us / Math.max(1, wholeUs)) * 100).toFixed(1)} %</title>` +
    `<rect x="${x.toFixed(1)}" y="${String(TOP + depth * ROW)}" width="${Math.max(0.4, width - 0.4).toFixed(1)}" height="${String(ROW - 1)}" fill="${colour}"/>${text}</g>`
}

/** Everything that was sampled, by who called whom. */
function treeOf({ nodes, samples, timeDeltas }: CpuProfile): Frame {
  const byId = new Map(nodes.map((node) => [node.id, node]))
  const parentOf = new Map<number, number>()
  for (const { id, children } of nodes) for (const child of children ?? []) parentOf.set(child, id)
  const root: Frame = { node: { id: 0, callFrame: { functionName: 'all', url: '', lineNumber: -1 } }, us: 0, callees: new Map() }
  const spent = new Map<number, number>()
  for (const [index, id] of samples.entries()) spent.set(id, (spent.get(id) ?? 0) + (timeDeltas[index] ?? 0))
  for (const [id, us] of spent) {
    const path = pathTo(id, byId, parentOf)
    const last = path.at(-1)
    if (last === undefined || isIdle(last)) continue
    root.us += us
    let frame = root
    for (const node of path) {
      const name = frameName(node)
      let callee = frame.callees.get(name)
      if (callee === undefined) frame.callees.set(name, callee = { node, us: 0, callees: new Map() })
      callee.us += us
      frame = callee
    }
  }
  return root
}

/** The functions from the outermost to `id`, without V8's own root. */
function pathTo(id: number, byId: ReadonlyMap<number, ProfileNode>, parentOf: ReadonlyMap<number, number>): readonly ProfileNode[] {
  const path: ProfileNode[] = []
  for (let at: number | undefined = id; at !== undefined; at = parentOf.get(at)) {
    const node = byId.get(at)
    if (node !== undefined && node.callFrame.functionName !== '(root)') path.unshift(node)
  }
  return path
}
