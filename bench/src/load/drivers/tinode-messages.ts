// The client protocol of Tinode: JSON in text frames, as its docs/API.md says.

/** Public key of Tinode's own demo clients; it goes with the salt of its example configuration, which the start script uses. It protects nothing. */
export const TINODE_DEMO_KEY = 'AQEAAAABAAD_rAp4DJh05a1HAwFT3A6K'
/** Version of the protocol that is spoken. */
export const TINODE_VERSION = '0.22'

/** What a client says; `id` comes back in the answer. */
export type TinodeRequest =
  | { readonly hi: { readonly id: string; readonly ver: string; readonly ua: string } }
  | { readonly acc: { readonly id: string; readonly user: string; readonly scheme: 'basic'; readonly secret: string; readonly login: boolean; readonly desc: object } }
  | { readonly login: { readonly id: string; readonly scheme: 'token'; readonly secret: string } }
  | { readonly sub: { readonly id: string; readonly topic: string; readonly set?: object } }
  | { readonly pub: { readonly id: string; readonly topic: string; readonly noecho: boolean; readonly content: string } }

/** What a server says, as far as the harness looks at it. */
export type TinodeAnswer =
  | { readonly kind: 'control'; readonly id: string; readonly code: number; readonly text: string; readonly topic: string; readonly params: Readonly<Record<string, unknown>> }
  | { readonly kind: 'data'; readonly topic: string; readonly from: string; readonly content: string }
  | { readonly kind: 'other' }

/** Reads one frame; a server may put several messages into one, each on a line. Throws for what is no JSON. */
export function decodeTinode(frame: string): readonly TinodeAnswer[] {
  return frame.split('\n').filter((line) => line !== '').map((line) => answerOf(JSON.parse(line)))
}

function answerOf(message: unknown): TinodeAnswer {
  const [control, data] = [fieldOf(message, 'ctrl'), fieldOf(message, 'data')]
  if (control !== undefined) {
    const params = fieldOf(control, 'params')
    const code = fieldOf(control, 'code')
    return {
      kind: 'control', id: textOf(control, 'id'), code: typeof code === 'number' ? code : 0, text: textOf(control, 'text'), topic: textOf(control, 'topic'),
      params: typeof params === 'object' && params !== null ? params as Readonly<Record<string, unknown>> : {}, // an object of JSON
    }
  }
  return data === undefined ? { kind: 'other' } : { kind: 'data', topic: textOf(data, 'topic'), from: textOf(data, 'from'), content: textOf(data, 'content') }
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>)[name] : undefined // an object of JSON
}

function textOf(value: unknown, name: string): string {
  const field = fieldOf(value, name)
  return typeof field === 'string' ? field : ''
}
