import { isEvegramError } from '@evegram/protocol'
import { FollowedChannel } from '../channel.js'
import { DirectConversation } from '../conversation.js'
import { GroupConversation } from '../group.js'
import { namesOf, type PackedHandle } from './pack.js'
import type { Shape, Target } from './frames.js'

/** Properties of the client that are for parts of the SDK alone. */
const INTERNAL = new Set(['core', 'talkOnce'])

/** Deeper parts than `client.a.b` there are none. */
const DEPTH_MAX = 2

/** What the properties of `object` are: methods, values, and parts with properties of their own. */
export function shapeOf(object: object, packError: (error: Error) => unknown, depth = 0): Record<string, Shape> {
  const shape: Record<string, Shape> = {}
  for (const name of namesOf(object)) {
    if (INTERNAL.has(name)) continue
    shape[name] = shapeOfProperty(object, name, packError, depth)
  }
  return shape
}

function shapeOfProperty(object: object, name: string, packError: (error: Error) => unknown, depth: number): Shape {
  let value: unknown
  try {
    value = Reflect.get(object, name)
  } catch (error) {
    // A wallet where the server has none.
    if (isEvegramError(error)) return { is: 'error', error: packError(error) }
    throw error
  }
  if (typeof value === 'function') return { is: 'method' }
  const isPart = typeof value === 'object' && value !== null && namesOf(value).some((key) => typeof readOf(value, key) === 'function')
  return isPart && depth < DEPTH_MAX ? { is: 'part', properties: shapeOf(Object(value) as object, packError, depth + 1) } : { is: 'value' }
}

function readOf(object: object, key: string): unknown {
  try {
    return Reflect.get(object, key)
  } catch {
    // A getter that throws is no method.
    return undefined
  }
}

/** The values that `object` shows at the moment, by name: its own, and those of its parts behind a dot. */
export function valuesOf(object: object, shape: Readonly<Record<string, Shape>>, prefix = ''): Record<string, unknown> {
  const values: Record<string, unknown> = {}
  for (const [name, property] of Object.entries(shape)) {
    if (property.is === 'value') values[`${prefix}${name}`] = readOf(object, name)
    if (property.is === 'part') Object.assign(values, valuesOf(Object(readOf(object, name)) as object, property.properties, `${prefix}${name}.`))
  }
  return values
}

/** Conversations, groups and channels as something that every leader has; undefined for other values. */
export function handleOf(value: object): PackedHandle | undefined {
  const target = targetOf(value)
  if (target === undefined) return undefined
  const properties = shapeOf(value, () => undefined)
  return { target, properties, values: valuesOf(value, properties) }
}

function targetOf(value: object): Target | undefined {
  if (value instanceof DirectConversation) return { on: 'conversation', id: value.id }
  if (value instanceof GroupConversation) return { on: 'group', id: value.id }
  return value instanceof FollowedChannel ? { on: 'channel', id: value.id } : undefined
}
