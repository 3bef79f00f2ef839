/** Characters that a terminal obeys instead of showing them, and those that turn the direction of writing; line breaks excepted. */
const OBEYED = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g

/** `text` with control characters (line breaks excepted) and direction overrides made visible, so that nobody can write over a terminal. */
export function visible(text: string): string {
  return text.replace(OBEYED, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

/** `text` made visible, in one line: no part of a name can pass for a line of its own. */
export function oneLine(text: string): string {
  return visible(text).replaceAll('\n', ' ')
}

/** JSON of an object in one line. What a terminal would obey is escaped in it, C1 controls too, which JSON itself leaves as they are: it reads as the same object. */
export function visibleJson(value: Readonly<Record<string, unknown>>): string {
  return visible(JSON.stringify(value))
}
